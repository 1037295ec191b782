"""Run every benchmark and print its table in Markdown: `python -m benchmarks [SEEDS]`."""

from __future__ import annotations

import sys

from .census import table

print(table(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
