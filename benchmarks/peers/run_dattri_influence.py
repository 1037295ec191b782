"""dattri's side: `python run_dattri_influence.py NET.npz SETTINGS`; see `_net.main`.

One batch holds all rows: dattri computes gradients of the queries, and their inverse-Hessian products, again
for every batch of training rows, and sums the *inverses* of batches of a Hessian's rows. Queries are cut only
where `queries` says so: DataInf holds products of as many queries with as many training rows at once.
"""

from __future__ import annotations

from functools import partial

import torch
from _net import main, module, tensors
from dattri.algorithm.influence_function import (
    IFAttributorArnoldi,
    IFAttributorCG,
    IFAttributorDataInf,
    IFAttributorEKFAC,
    IFAttributorExplicit,
    IFAttributorLiSSA,
)
from dattri.algorithm.rps import RPSAttributor
from dattri.algorithm.tracin import TracInAttributor
from dattri.algorithm.trak import TRAKAttributor
from dattri.task import AttributionTask
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset


def loaders(net, settings):
    """All training rows in one batch; queries in batches of `queries`, else in one."""
    train, test = TensorDataset(*net.train), TensorDataset(*net.test)
    return DataLoader(train, len(train)), DataLoader(test, settings.get("queries", len(test)))


def task_of(net, states, target=cross_entropy, one=False):
    """The task. `one`: the function is given single rows without an axis of rows, as TracIn and TRAK do."""
    model = module(net.final)

    def loss(params, batch):
        rows, labels = (part[None] for part in batch) if one else batch
        return target(functional_call(model, params, rows), labels)

    return model, AttributionTask(loss, model, [tensors(state) for state in states])


def influence(kind, net, settings, own=False, **options):
    """Influence by one of the solvers; `own` is each training row's on itself."""
    train, test = loaders(net, settings)
    attributor = kind(task_of(net, [net.final])[1], **options)
    attributor.cache(train)
    return attributor.self_attribute(train) if own else attributor.attribute(train, test)


def cg(net, settings):
    """CG of `steps` steps, since its stopping rule does not work; forward over reverse is faster."""
    options = {"max_iter": settings.get("steps", 10), "mode": settings.get("mode", "rev-fwd")}
    return influence(IFAttributorCG, net, settings, regularization=settings["damping"], **options)


def lissa(net, settings):
    """LiSSA. Its damping is of the Hessian over `scaling`, which must exceed the largest eigenvalue."""
    scale = settings.get("scale", 5.0)
    options = {"recursion_depth": settings.get("steps", 200), "batch_size": settings.get("batch", 64)}
    damping = settings["damping"] / scale
    return influence(IFAttributorLiSSA, net, settings, damping=damping, scaling=scale, **options)


def arnoldi(net, settings):
    """Arnoldi of as many steps as the rank: more, or a rank much higher, and dattri gives nan."""
    rank = settings.get("rank", 20)
    options = {"proj_dim": rank, "max_iter": settings.get("steps", rank)}
    return influence(IFAttributorArnoldi, net, settings, regularization=settings["damping"], **options)


def tracin(net, settings, own=False, project=False):
    """TracIn over the checkpoints. It projects to 512 dimensions unless its defaults are undone."""
    train, test = loaders(net, settings)
    task = task_of(net, net.along, one=True)[1]
    attributor = TracInAttributor(task, torch.tensor(net.rates), normalized_grad=False)
    if not project:
        attributor.projector_kwargs = None
    return attributor.self_attribute(train) if own else attributor.attribute(train, test)


def margin(logits, labels):
    """The log-odds of the label's probability."""
    lost = cross_entropy(logits, labels)
    return -lost - torch.log1p(-torch.exp(-lost) + 1e-7)


def trak(net, settings):
    """TRAK at one checkpoint; all rows are projected in one batch: every batch draws the matrix again."""
    train, test = loaders(net, settings)
    model, task = task_of(net, [net.final], target=margin, one=True)

    def right(params, batch):
        rows, labels = (part[None] for part in batch)
        return torch.exp(-cross_entropy(functional_call(model, params, rows), labels))

    size = settings.get("size", 2048)
    p = sum(value.size for value in net.final.values())
    ridge = settings["damping"] * len(net.X) / p  # rows are over sqrt(p)
    options = {"proj_dim": size, "proj_max_batch_size": len(net.X), "proj_type": "normal", "device": "cpu"}
    attributor = TRAKAttributor(task, right, projector_kwargs=options, regularization=ridge)
    attributor.cache(train)
    return attributor.attribute(test)


def representer(net, settings):
    """Representer points, refitting the last layer for the 3,000 epochs that dattri does."""
    train, test = loaders(net, settings)
    model = module(net.final)
    last = str(len(model) - 1)
    task = AttributionTask(cross_entropy, model, [tensors(net.final)], target_func=cross_entropy)
    attributor = RPSAttributor(task, last, epoch=settings.get("epochs", 3000))
    attributor.cache(train)
    return attributor.attribute(train, test)


def damped(kind, net, settings, own=False, name="regularization"):
    """A solver that takes the damping alone, by this name."""
    return influence(kind, net, settings, own=own, **{name: settings["damping"]})


main(
    {
        "exact": partial(damped, IFAttributorExplicit),
        "cg": cg,
        "lissa": lissa,
        "arnoldi": arnoldi,
        "datainf": partial(damped, IFAttributorDataInf),
        "ekfac": partial(damped, IFAttributorEKFAC, name="damping"),
        "self-ekfac": partial(damped, IFAttributorEKFAC, own=True, name="damping"),
        "self-exact": partial(damped, IFAttributorExplicit, own=True),
        "tracin": tracin,
        "tracin-512": partial(tracin, project=True),
        "self-tracin": partial(tracin, own=True),
        "trak": trak,
        "representer": representer,
    }
)
