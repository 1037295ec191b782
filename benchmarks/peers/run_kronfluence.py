"""kronfluence's side: `python run_kronfluence.py NET.npz SETTINGS`; see `_net.main`.

All rows are one batch. It writes factors and scores to files, which is part of its work. Labels are drawn
from the model once, as it does.
"""

from __future__ import annotations

import logging
from functools import partial
from tempfile import TemporaryDirectory

import torch
from _net import main, module
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset


class Classification(Task):
    """Summed cross-entropy, for training rows and for queries."""

    def compute_train_loss(self, batch, model, sample=False):
        """Loss on the labels, or on labels that the model draws."""
        logits = model(batch[0])
        if not sample:
            return cross_entropy(logits, batch[1], reduction="sum")
        with torch.no_grad():
            drawn = torch.multinomial(logits.detach().softmax(-1), 1).flatten()
        return cross_entropy(logits, drawn, reduction="sum")

    def compute_measurement(self, batch, model):
        """Loss on the labels."""
        return cross_entropy(model(batch[0]), batch[1], reduction="sum")


def influence(strategy, net, settings, own=False):
    """Scores (n, m), or each training row's on itself."""
    torch.manual_seed(0)
    task, train, test = Classification(), TensorDataset(*net.train), TensorDataset(*net.test)
    n, m = len(train), len(test)
    with TemporaryDirectory() as folder:
        model = prepare_model(module(net.final), task)
        options = {"cpu": True, "disable_tqdm": True, "log_level": logging.ERROR, "output_dir": folder}
        run = Analyzer("net", model, task, **options)
        args = FactorArguments(strategy=strategy)
        run.fit_all_factors("factors", train, per_device_batch_size=n, factor_args=args)
        damp = ScoreArguments(damping_factor=settings["damping"])
        if own:
            run.compute_self_scores("own", "factors", train, per_device_train_batch_size=n, score_args=damp)
            return run.load_self_scores("own")["all_modules"]
        run.compute_pairwise_scores("all", "factors", test, train, m, n, score_args=damp)
        return run.load_pairwise_scores("all")["all_modules"].T


main(
    {
        "ekfac": partial(influence, "ekfac"),
        "kfac": partial(influence, "kfac"),
        "diagonal": partial(influence, "diagonal"),
        "graddot": partial(influence, "identity"),
        "self-ekfac": partial(influence, "ekfac", own=True),
        "self-kfac": partial(influence, "kfac", own=True),
    }
)
