"""Run every script, one after another, each in a process of its own: `python -m benchmarks.speed`."""

from __future__ import annotations

import subprocess
import sys

SCRIPTS = (
    *("permutations", "overhead", "adult", "leave_one_out", "large"),
    *("neighbors", "neighbors_approximate", "data_oob", "transport", "stream"),
    *("influence", "gradients", "trees", "in_run", "trace"),
)

failed = []
for name in SCRIPTS:
    print(f"\n# {name}", flush=True)
    if subprocess.run([sys.executable, "-m", f"{__package__}.{name}"], check=False).returncode:
        failed.append(name)
sys.exit(f"not finished: {', '.join(failed)}" if failed else 0)
