"""`import assay` is quick because it loads nothing until it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import assay

HEAVY = "numpy scipy sklearn pandas numba joblib duckdb altair torch skrub rich"


def test_import_loads_no_library():
    """A fresh process that imports assay has loaded none of the libraries it builds on."""
    code = f"import assay, sys; print([m for m in '{HEAVY}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", assay.__all__)
def test_every_public_name_is_there_and_documented(name):
    """Each name of the stub can be had, and has a docstring (but for the registry, a dictionary)."""
    thing = getattr(assay, name)
    assert name in dir(assay)
    assert name == "REGISTRY" or thing.__doc__


def test_numba_is_loaded_by_the_kernel_only():
    """A method that needs no compiled loop starts without the compiler."""
    code = "import assay, sys; assay.KNNShapley(), assay.value; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
