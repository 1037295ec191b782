"""Run every benchmark of the loop and print its tables in Markdown: `python -m benchmarks [SEEDS]`."""

from __future__ import annotations

import sys

from .quality import census, heights

seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
for name, one in (("census", census), ("heights", heights)):
    print(f"\n{name}\n\n{one.table(seeds)}", flush=True)
