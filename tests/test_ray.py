"""Ray: a run on a cluster that loses a node is worth the same bits as one without."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import assay

CHILD = Path(__file__).with_name("_ray_child.py")


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install ray")
def test_a_killed_node_costs_no_bit(tmp_path):
    """Two nodes work, one is killed on the way, and the values are those of one process; errors come back."""
    run = [sys.executable, "-W", "ignore", str(CHILD), str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=240)
    said = [line for line in done.stdout.splitlines() if line.startswith(("nodes", "same", "error"))]
    assert said == [
        "nodes that worked 2 of which alive 1 killed on the way [True]",
        "same bits True True",
        "error ValueError not me",
    ], done.stderr


def test_without_ray_the_way_to_get_it_is_told(monkeypatch):
    """`ray_backend` names the extra."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(assay.AssayError, match=r"assay\[ray\]"):
        assay.ray_backend()


def test_import_and_a_run_load_no_ray():
    """Nobody who does not ask for a cluster waits for one."""
    code = (
        "import assay, sys; assay.value, assay.ParallelGame, assay.ray_backend; print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
