"""pyDVL's side of influence: `python run_pydvl_influence.py NET.npz SETTINGS`; see `_net.main`.

All rows are one batch; `influences` solves for the queries once and takes products with the training rows.
"""

from __future__ import annotations

from functools import partial

from _net import main, module
from pydvl.influence.torch import (
    ArnoldiInfluence,
    CgInfluence,
    DirectInfluence,
    EkfacInfluence,
    InverseHarmonicMeanInfluence,
    LissaInfluence,
    NystroemSketchInfluence,
)
from pydvl.influence.torch.preconditioner import NystroemPreconditioner
from pydvl.influence.torch.util import BlockMode, SecondOrderMode
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

GAUSS_NEWTON = {"second_order_mode": SecondOrderMode.GAUSS_NEWTON}


def fitted(model, net):
    """The influence model, fitted on all training rows in one batch."""
    return model.fit(DataLoader(TensorDataset(*net.train), len(net.X)))


def influence(kind, net, settings, ranked=False, **options):
    """Scores (n, m); pyDVL has the queries first."""
    if ranked:
        options["rank"] = settings.get("rank", 50)
    net_of = module(net.final)
    model = fitted(kind(net_of, cross_entropy, regularization=settings["damping"], **options), net)
    return model.influences(*net.test, *net.train).T


def cg(net, settings, nystroem=False, **options):
    """CG to a relative residual of 1e-4, as pyDVL does; alone, for all queries at once, or preconditioned."""
    if nystroem:
        options["preconditioner"] = NystroemPreconditioner(settings.get("rank", 50))
    return influence(CgInfluence, net, settings, **options)


def lissa(net, settings):
    """LiSSA: `scale` must exceed the largest eigenvalue; the whole training set is a batch."""
    options = {"maxiter": settings.get("steps", 500), "scale": settings.get("scale", 5.0)}
    return influence(LissaInfluence, net, settings, **options)


def ekfac(net, settings, own=False, diagonal=True):
    """EK-FAC, or K-FAC where `diagonal` is not refitted. Self-influence is a diagonal of all pairs."""
    model = EkfacInfluence(
        module(net.final), update_diagonal=diagonal, hessian_regularization=settings["damping"]
    )
    fitted(model, net)
    return model.influences(*net.train).diagonal() if own else model.influences(*net.test, *net.train).T


main(
    {
        "exact": partial(influence, DirectInfluence),
        "exact-gn": partial(influence, DirectInfluence, **GAUSS_NEWTON),
        "cg": cg,
        "cg-block": partial(cg, solve_simultaneously=True),
        "cg-block-nystroem": partial(cg, solve_simultaneously=True, nystroem=True),
        "cg-gn-block": partial(cg, solve_simultaneously=True, **GAUSS_NEWTON),
        "lissa": lissa,
        "arnoldi": partial(influence, ArnoldiInfluence, ranked=True),
        "arnoldi-woodbury": partial(influence, ArnoldiInfluence, ranked=True, use_woodbury=True),
        "nystrom": partial(influence, NystroemSketchInfluence, ranked=True),
        "datainf": partial(influence, InverseHarmonicMeanInfluence, block_structure=BlockMode.LAYER_WISE),
        "ekfac": ekfac,
        "kfac": partial(ekfac, diagonal=False),
        "self-ekfac": partial(ekfac, own=True),
    }
)
