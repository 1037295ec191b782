"""Rows that are streamed on a cluster that loses a node are worth the same bits as on one machine."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("_stream_ray_child.py")


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install ray")
def test_a_killed_node_costs_no_bit(tmp_path):
    """Two nodes stream, one is killed on the way, and no bit differs; nor of rows in memory."""
    run = [sys.executable, "-W", "ignore", str(CHILD), str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=400)
    said = [line for line in done.stdout.splitlines() if line.startswith(("nodes", "same"))]
    wanted = ["nodes that worked 2 killed on the way [True] passes 20", "same bits [True, True, True]"]
    assert said == wanted, done.stderr
