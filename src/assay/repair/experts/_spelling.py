"""Misspellings: values of a column that are probably slips of far more frequent values of the same column."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from ..._types import Floats
from ._domain import Codes, Domain

_TIMES = 3  # a misspelt value is at least so many times rarer than the right one
_REACH = 0.4  # edits per character
_TIES = 3
_VARIANT = 0.6  # case and marks: one name in two habits, or two codes; no one can know
_WORK = 4_000_000  # comparisons a column
_BLOCK = 256
_WORDS = re.compile(r"\w+")
_MARKS = re.compile(r"[^\w./:,-]|[./:,-]+(?!\w)")


@dataclass(frozen=True)
class Misspellings:
    """Pairs of codes: `wrong` is perhaps a slip of `right`. Up to three rights a wrong, all equally near.

    Parameters
    ----------
    wrong, right : arrays of int, shape (p,)
    distance : array of int, shape (p,)
        Insertions, deletions, replacements and swaps of neighbours between the two; 0 where they differ only
        in case, blanks and punctuation.
    score : array of float, shape (p,)
        0..1: near, far rarer, and no other value as near.
    """

    wrong: Codes
    right: Codes
    distance: NDArray[np.int64]
    score: Floats


def find_misspellings(domain: Domain) -> Misspellings:
    """Pair each rare value with its nearest frequent ones.

    What has no letter is never a misspelling, nor is a value with a digit that the other lacks or with a
    whole word replaced: `ami-2` and `ami-1` are two things, `Local-gov` and `Federal-gov` too.
    Cost: at most four million comparisons a column (the most frequent values come first).
    """
    texts = [text.casefold() for text in domain.texts]
    bare = [_MARKS.sub("", text) for text in texts]
    order = np.argsort(-domain.counts, kind="stable")
    order = order[domain.counts[order] >= _TIMES]
    spelt = np.array([any(c.isalpha() for c in text) for text in texts], dtype=bool)
    lower = np.flatnonzero(spelt & (domain.counts * _TIMES <= domain.counts.max(initial=0)))
    order = order[: max(1, _WORK // max(1, len(lower)))]
    rows: list[tuple[int, int, int, float]] = []
    for start in range(0, len(lower), _BLOCK) if len(order) else ():
        block = lower[start : start + _BLOCK]
        apart = cdist(
            [texts[i] for i in block], [texts[j] for j in order], scorer=OSA.distance, dtype=np.int32
        )
        for wrong, distances in zip(block, apart, strict=True):
            rows.extend(_nearest(int(wrong), order, distances, domain, texts, bare))
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    wrong, right, distance = (np.array(column, dtype=np.int64) for column in columns[:3])
    return Misspellings(wrong, right, distance, np.array(columns[3], dtype=np.float64))


def _nearest(
    wrong: int, order: Codes, distances: NDArray[np.int32], domain: Domain, texts: list[str], bare: list[str]
) -> list[tuple[int, int, int, float]]:
    reach = max(1, int(_REACH * len(texts[wrong])))
    near = np.flatnonzero((distances <= reach) & (domain.counts[order] >= _TIMES * domain.counts[wrong]))
    near = near[np.argsort(distances[near], kind="stable")]
    pairs: list[tuple[int, int, int]] = []
    for place in near:
        right = int(order[place])
        edits = 0 if bare[wrong] and bare[wrong] == bare[right] else int(distances[place])
        if pairs and edits > pairs[0][2]:
            break
        if right != wrong and (edits == 0 or _is_slip(texts[wrong], texts[right])):
            pairs.append((wrong, right, edits))
    found = []
    for _, right, edits in pairs[:_TIES]:
        closeness = 1 - edits / max(len(texts[wrong]), len(texts[right])) if edits else _VARIANT
        rarity = 1 - domain.counts[wrong] / domain.counts[right]
        found.append((wrong, right, edits, float(closeness * rarity / len(pairs))))
    return found


def _is_slip(wrong: str, right: str) -> bool:
    """Whether `wrong` can be a slip of the pen for `right`: no new digit, no whole word replaced."""
    digits = iter(c for c in right if c.isdigit())
    if not all(c in digits for c in wrong if c.isdigit()):
        return False
    mine, theirs = _WORDS.findall(wrong), _WORDS.findall(right)
    if len(mine) != len(theirs):
        return OSA.distance(wrong, right) <= max(len(wrong), len(right)) / 4
    return all(
        len(a) == 1 or OSA.distance(a, b) <= max(len(a), len(b)) / 2
        for a, b in zip(mine, theirs, strict=True)
    )
