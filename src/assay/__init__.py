"""Assay: what each row of a training table is worth to the model trained on it, and what to do about it."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
