"""Influence functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from ..._curvature.choose import Settings, check_settings
from ..._errors import AssayError
from ..._gradients.gradients import Curvature
from ..._gradients.target import OF_GROUPS, check_target
from ..._problem import Problem
from ..._valuation import Status, Valuation
from ..._valuer import Needs, Valuer
from ._scores import Scores, influence_scores, influence_values


@final
@dataclass(eq=False, kw_only=True)
class Influence(Valuer):
    """What a row's presence takes off the loss of each validation row, to first order: g_q' H^-1 g_i.

    H is the curvature of the loss summed over the training rows, with the model's penalty and the damping; g
    are gradients of single losses at the trained parameters. Values are in units of the loss: nats for
    classes, squared error for numbers; their sum over a few rows estimates what dropping these rows costs.

    Parameters
    ----------
    solver : str
        How the inverse is applied. "auto" takes "left_out" for linear models, "exact" for nets of up to 2,000
        parameters and "ekfac" above. Others:

        - "left_out": one Newton step without the row, exact for least squares; linear models only.
        - "exact": Cholesky factor of the whole Gauss-Newton matrix; up to 20,000 parameters.
        - "ekfac", "kfac": an inverse a layer, in the eigenvectors of two small matrices; eigenvalues from the
          rows, or as products, whose scores of wide layers take fewer multiplications.
        - "cg": conjugate gradients, preconditioned by EK-FAC, to a relative residual of `tolerance`.
        - "arnoldi", "nystrom": the `rank` largest curvatures, from Krylov vectors or a random sketch; in
          other directions the damping and the smallest penalty alone.
        - "empirical_fisher": rows' own squared gradients in place of the curvature, by the products of rows
          where these are fewer than parameters; up to 20,000 of either. Damping, if not given, is what a row
          adds to it on average: without, a row's own gradient would hide what it does.
        - "lissa": a series of steps on random rows, repeated; its spread is in `Valuation.why`.
    damping : float, optional
        Added to the diagonal of the curvature of the mean loss. If not given, 0 for linear models, and a
        tenth of the mean curvature for nets, layer by layer where a layer has its own inverse.
    rank : int
        Directions of "arnoldi" and "nystrom".
    tolerance : float
        Of "cg", in (0, 1): the residual's length by the gradient's.
    curvature : "gauss_newton" | "hessian"
        Of "exact" and "cg". The Hessian of a net is refused where it has no inverse or bends downwards.
    relative : "parameters" | "loss", optional
        Scores by the length of the row's own step, |H^-1 g_i|, or by its root influence on itself,
        (g_i' H^-1 g_i)^(1/2): rows that act on single queries come before rows that act on all.
    target : str
        What the rows that judge measure. Values are in its unit, and positive where a row's presence improves
        it:

        - "loss": their mean loss.
        - "demographic_parity": the widest gap between the mean probabilities of the positive class (the last
          of the sorted classes) of two of their `groups`; for numbers, between mean predictions.
        - "equal_opportunity": the widest gap between the mean losses of two groups on rows of that class.
        - "robustness": their mean loss after each was moved across the boundary, by 1.3 times its distance.

        A row is worth by how much it narrows the gap between the two groups that are farthest apart now.

    per_valid : bool
        Keep the value to each validation row. Without, one vector is solved for, and the rows' gradients are
        multiplied with it at the cost of three forward passes; nothing is kept a row.

    Source: Koh and Liang (2017), "Understanding Black-box Predictions via Influence Functions"; targets other
    than the loss: Chhabra et al. (2024), "What Data Benefits My Classifier?"; relative: Barshan et al.
    (2020), "RelatIF"; solvers: Grosse et al. (2023), "Studying Large Language Model Generalization with
    Influence Functions", Agarwal et al. (2017), "Second-Order Stochastic Optimization for Machine Learning in
    Linear Time", Schioppa et al. (2022), "Scaling Up Influence Functions", Frangella et al. (2023),
    "Randomized Nystrom Preconditioning".

    Examples
    --------
    >>> from assay import Data, Influence, Problem, value
    >>> from sklearn.linear_model import LogisticRegression
    >>> train = Data([[0.0], [0.2], [0.1], [1.0], [1.1], [0.9]], ["a", "a", "b", "b", "b", "b"])
    >>> valid = Data([[0.0], [1.0]], ["a", "b"])
    >>> value(Problem(train, valid, LogisticRegression(C=10)), Influence()).lowest(1)
    array([2])
    """

    solver: str = "auto"
    damping: float | None = None
    rank: int = 200
    tolerance: float = 1e-3
    curvature: Curvature = "gauss_newton"
    relative: Literal["parameters", "loss"] | None = None
    target: str = "loss"
    per_valid: bool = True
    needs: ClassVar[Needs] = Needs.LABELS | Needs.VALID | Needs.GRADIENTS

    def __post_init__(self) -> None:
        check_settings("Influence", self.settings)
        if self.relative not in (None, "parameters", "loss"):
            raise AssayError(
                f"Influence.relative is {self.relative!r}; choose 'parameters' or 'loss', or leave it out."
            )
        check_target(self.target)
        if not isinstance(self.per_valid, (bool, np.bool_)):
            raise AssayError(f"Influence.per_valid is {self.per_valid!r}; it needs to be True or False.")

    @property
    def settings(self) -> Settings:
        """How the inverse is taken."""
        return Settings(self.solver, self.damping, self.rank, self.tolerance, self.curvature)

    @property
    def crossfits(self) -> bool:
        """Not for gaps between groups: rows of one group are never parted, so no fold would hold two."""
        return self.target not in OF_GROUPS

    def estimates(self, problem: Problem, rng: np.random.Generator) -> Iterator[Valuation]:
        """Yield the values once."""
        if not self.per_valid:
            values, note = influence_values(self.settings, self.target, self.relative, problem, rng)
            yield Valuation(values, status=Status.exact, why=note)
            return
        found = self.scores(problem, rng)
        scores = found.whole()
        yield Valuation(scores.mean(axis=1), per_valid=scores, status=Status.exact, why=found.note)

    def scores(self, problem: Problem, rng: np.random.Generator) -> Scores:
        """What each training row is worth to each query, a block of rows at a time."""
        self.__post_init__()
        return influence_scores(self.settings, self.target, self.relative, problem, rng)
