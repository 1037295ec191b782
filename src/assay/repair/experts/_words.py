"""Numbers that people write in English words: zero to nine hundred and ninety-nine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

SMALL: Mapping[str, int] = MappingProxyType(
    {
        **{word: value for value, word in enumerate(f"{_ONES} seventeen eighteen nineteen".split())},
        **{word: 10 * (2 + place) for place, word in enumerate(_TENS.split())},
        "fourty": 40,
    }
)


def take_number(words: Sequence[str]) -> tuple[int, int]:
    """The number that `words` begin with, and how many of them it took (0 where they begin with none).

    Examples
    --------
    >>> take_number(["one", "hundred", "and", "sixty", "five", "cm"])
    (165, 5)
    >>> take_number(["five", "eight"])
    (5, 1)
    """
    total, used = _below_hundred(words)
    if not used or not 1 <= total <= 9 or words[used : used + 1] != ["hundred"]:
        return total, used
    total, used = total * 100, used + 1
    joined = 1 if words[used : used + 1] == ["and"] else 0
    rest, more = _below_hundred(words[used + joined :])
    return (total + rest, used + joined + more) if more and rest else (total, used)


def _below_hundred(words: Sequence[str]) -> tuple[int, int]:
    first = SMALL.get(words[0]) if words else None
    if first is None:
        return 0, 0
    second = SMALL.get(words[1]) if len(words) > 1 else None
    if first >= 20 and second is not None and 1 <= second <= 9:
        return first + second, 2
    return first, 1
