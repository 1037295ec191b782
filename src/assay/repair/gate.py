"""Gate: the rule that decides what becomes of a batch, from arms measured on rows that judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .arms import BOTH, DROP, NOTHING, REPAIR, Arm
from .gain import ERROR, Gain, paired_gain


@dataclass(frozen=True)
class Verdict:
    """What to do with the batch.

    Parameters
    ----------
    arm : str
        The arm to carry out: nothing, drop, repair, or repair + drop.
    why : str
        One sentence.
    """

    arm: str
    why: str


def error_of_query(number: int) -> float:
    """Two-sided error rate of the `number`-th question to the same gate rows, counted from 0.

    The rates halve from question to question, 5%, 2.5%, 1.25%, so that all one-sided errors together stay
    within 5%, however often the loop asks (alpha spending; Dwork et al., 2015, on why a holdout wears out).
    """
    return ERROR / 2**number


def decide(arms: Mapping[str, Arm], *, error: float) -> Verdict:
    """Choose among the arms.

    An arm has to be measurably better than doing nothing: the lower end of the paired interval of its gain in
    loss is above 0. A repair that is measurably worse than leaving the same rows out gives way to leaving
    them out: what it writes carries nothing. Where the two do not differ measurably the repair stands,
    because it keeps the rows. The rows beyond repair are left out only where that is measurably better than
    keeping them.

    Parameters
    ----------
    arms : Mapping of str to Arm
        As `arms.measure` gives them.
    error : float
        Two-sided error rate of the question, 0..1; see `error_of_query`. It is shared out over the three arms
        that may be better than doing nothing.
    """
    error /= 3  # three arms may pass: together they may err no more often than one question may
    better = {name: paired(arms, NOTHING, name, error).low > 0 for name in (DROP, REPAIR, BOTH)}
    chosen = REPAIR if better[REPAIR] else None
    if better[BOTH] and (chosen is None or paired(arms, REPAIR, BOTH, error).low > 0):
        chosen = BOTH
    if better[DROP] and (chosen is None or paired(arms, chosen, DROP, error).low > 0):
        shown = _shown(arms, DROP, error)
        return Verdict(DROP, f"leaving the rows out gains more than repairing them: {shown}")
    if chosen is None:
        return Verdict(NOTHING, f"no measurable gain on the gate rows: {_shown(arms, REPAIR, error)}")
    return Verdict(chosen, f"a measurable gain on the gate rows: {_shown(arms, chosen, error)}")


def _shown(arms: Mapping[str, Arm], name: str, error: float) -> str:
    found = paired(arms, NOTHING, name, error)
    return f"{found.gain:+.4f}, {100 * (1 - error):.4g}% interval {found.low:+.4f} to {found.high:+.4f}"


def paired(arms: Mapping[str, Arm], before: str, after: str, error: float) -> Gain:
    """Return the gain from one arm to another, row by row, with an interval of that error rate."""
    first, last = arms[before].outcome, arms[after].outcome
    return paired_gain(first.losses, last.losses, error=error, groups=first.groups)
