"""Reading: any semivalue from coalitions, or orders, that were asked for already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..._types import Floats, Worths
from ..._valuation import Status, Valuation
from ._coalitions import BATCH, Sums, coin_law, owen_law
from ._family import check_law, check_pair
from ._orders import draws_of
from ._surrogate import Record
from ._weights import log_choose


@dataclass(frozen=True, eq=False)
class Asked:
    """What a design asked for, and was answered.

    Parameters
    ----------
    design : str
        The design.
    rows : array of shape (m, n)
        Coalitions, or orders.
    worths : array of shape (m,), or (m, n + 1)
        Of the coalitions, or of the prefixes of the orders.
    sizes : array of shape (n + 1,)
        Of "stratified": how many coalitions of each size were due; `Strata.expected`.
    paired : bool
        Of "stratified": whether complements were asked for.
    """

    design: str
    rows: Any
    worths: Worths
    sizes: Floats
    paired: bool

    def read(self, names: Sequence[str], masses: Sequence[Floats]) -> list[Valuation]:
        """The semivalues with the log `masses`; `names` say in an error which cannot be read."""
        n = self.rows.shape[1]
        if self.design == "stratified":
            return self._stratified(names, masses)
        for name, mass in zip(names, masses, strict=True):
            check_pair(name, self.design, mass)
        if self.design in ("permutations", "antithetic"):
            lines = 2 if self.design == "antithetic" else 1
            return [draws_of(mass, lines).absorb(self.rows, self.worths) for mass in masses]
        law, lines = (coin_law(n, 0.5), 1) if self.design == "coins" else (owen_law(n), 2)
        found = []
        for mass in masses:
            sums = Sums(mass, law, lines)
            sums.see(self.worths[:2])  # none and all came first
            cuts = [2, *range(2 + 2 * lines, len(self.worths), BATCH), len(self.worths)]  # as they were asked
            parts = (slice(*cut) for cut in pairwise(cuts))
            found.append([sums.absorb(self.rows[part], self.worths[part]) for part in parts][-1])
        return found

    def _stratified(self, names: Sequence[str], masses: Sequence[Floats]) -> list[Valuation]:
        m, n = self.rows.shape
        complete = n < 60 and m == 2**n
        for name, mass in zip(names, masses, strict=True):
            check_law(name, self.design, mass, self._law())
        record = Record(self.rows, self.worths, self.sizes, paired=self.paired)
        found = []
        for mass in masses:
            now = record.estimate(np.exp(mass))
            status = Status.exact if complete else Status.running
            stderr, draws = None if complete else now.stderr, (m - 2) // (1 + self.paired)
            found.append(Valuation(now.values, stderr, evals=m, draws=draws, status=status))
        return found

    def _law(self) -> Floats:
        """The log law (n + 1,) of sizes, where those that are known in full count as asked without end."""
        m, n = self.rows.shape
        due = self.sizes + self.sizes[::-1] if self.paired else self.sizes.copy()
        known = (
            np.log(np.maximum(np.bincount(self.rows.sum(axis=1), minlength=n + 1), 0.5))
            >= log_choose(n) - 1e-9
        )
        due[known] = m
        law = np.log(np.maximum(due, 1e-300))
        return law - np.logaddexp.reduce(law)
