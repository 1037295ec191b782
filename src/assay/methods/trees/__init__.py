"""Attributions through ensembles of trees: what a row does to leaves, and leaves to predictions."""
