"""The rendered page of each case, made once for all the tests of a process."""

from __future__ import annotations

import functools

import facts

from assay.report import render


@functools.cache
def page(case: str) -> str:
    """The page of a case of `facts.ALL`."""
    return render(facts.ALL[case]())
