"""traker's side: `python run_traker.py NET.npz SETTINGS`; see `_net.main`.

All rows are one batch, since every batch draws the projection again; float32, since half precision is slower
on a CPU. It keeps its features in files, which is part of its work.
"""

from __future__ import annotations

import logging
from tempfile import TemporaryDirectory

from _net import main, module, tensors
from trak import TRAKer


def trak(net, settings):
    """TRAK at one checkpoint."""
    size, state = settings.get("size", 2048), tensors(net.final)
    p = sum(value.size for value in net.final.values())
    ridge = (
        settings["damping"] * len(net.X) * size / p
    )  # rows are over sqrt(p), the projection not over sqrt(size)
    with TemporaryDirectory() as folder:
        run = TRAKer(
            module(net.final),
            "image_classification",
            len(net.X),
            save_dir=folder,
            device="cpu",
            proj_dim=size,
            lambda_reg=ridge,
            use_half_precision=settings.get("half", False),
            logging_level=logging.ERROR,
        )
        run.load_checkpoint(state, model_id=0)
        run.featurize(net.train, num_samples=len(net.X))
        run.finalize_features()
        run.start_scoring_checkpoint("test", state, model_id=0, num_targets=len(net.V))
        run.score(net.test, num_samples=len(net.V))
        return run.finalize_scores("test").copy()


main({"trak": trak})
