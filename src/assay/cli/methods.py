"""`assay methods`: the registry, printed."""

from __future__ import annotations

import inspect
from typing import Any

from . import _options as options
from ._print import document
from ._print import table as print_table

EXAMPLES = ("assay methods", "assay methods --json")


def methods(json: options.Json = False) -> None:
    """List the valuation methods and what each of them needs."""
    from ..methods import REGISTRY

    found = [_entry(name, method) for name, method in sorted(REGISTRY.items())]
    if json:
        document(found)
    else:
        print_table(("method", "needs", "what it is"), [(m["name"], m["needs"], m["what"]) for m in found])


def _entry(name: str, method: type[Any]) -> dict[str, str]:
    from .._valuer import Needs

    needs = [str(flag.name).lower() for flag in Needs if flag in method.needs]
    return {
        "name": name,
        "class": method.__name__,
        "needs": ", ".join(needs) or "nothing",
        "what": (inspect.getdoc(method) or "").partition("\n\n")[0].replace("\n", " "),
    }
