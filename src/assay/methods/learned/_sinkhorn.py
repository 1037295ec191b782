"""Entropic optimal transport between weighted rows and rows that weigh alike, in the domain of logarithms."""

from __future__ import annotations

from typing import Any

MOST_PASSES = 2000
TOLERANCE = 1e-2  # of the mass that may be out of place in a step of training
LEAST = 1e-100  # of a factor of the loss, whose logarithm and square are still numbers


def costs(X: Any, Z: Any) -> Any:
    """Ground costs |x - z|**2 / 2 (b, m)."""
    half = [(side**2).sum(dim=1) / 2 for side in (X, Z)]
    return (half[0][:, None] + half[1] - X @ Z.T).clamp_(min=0)


def potentials(cost: Any, logs: Any, epsilon: float, start: Any = None, tolerance: float = TOLERANCE) -> Any:
    """Dual potentials f (b,) and g (m,) of the transport between rows of these log masses and even ones.

    At the optimum `(masses * f).sum() + g.mean()` is the least of <P, cost> + epsilon KL(P | masses x 1 / m)
    over plans P with these margins, and f its derivative by the masses, up to a constant.

    Parameters
    ----------
    cost : tensor of shape (b, m)
    logs : tensor of shape (b,)
        The logarithms of masses that sum to 1.
    epsilon : float
    start : tensor of shape (m,), optional
        What g may be.
    tolerance : float
        The share of the mass that may leave rows wrongly; more passes than 2,000 are not made.
    """
    import torch

    scaled, log_m = cost / -epsilon, torch.log(torch.tensor(float(cost.shape[1]), dtype=cost.dtype))
    v = torch.zeros(cost.shape[1], dtype=cost.dtype) if start is None else start / epsilon
    u = -torch.logsumexp(scaled + (v - log_m), dim=1)
    for _ in range(MOST_PASSES):
        v = -torch.logsumexp(scaled + (u + logs)[:, None], dim=0)
        ahead = -torch.logsumexp(scaled + (v - log_m), dim=1)
        error = (logs.exp() * torch.expm1(u - ahead).abs()).sum()
        u = ahead
        if error <= tolerance:
            break
    v = -torch.logsumexp(scaled + (u + logs)[:, None], dim=0)
    return epsilon * u, epsilon * v


def loss_val(losses: Any, weights: Any, f: Any, g: Any) -> Any:
    """The loss of LossVal, to be derived by `losses` and `weights` (b,): f is that of the transport.

    A factor of 0, of rows that are fitted exactly or lie on the judging rows, moves nothing.
    """
    shares = weights / weights.sum()
    mean, cost = (shares * losses).sum(), (shares * f).sum() + g.mean()
    return mean.clamp(min=LEAST) * cost.clamp(min=LEAST) ** 2
