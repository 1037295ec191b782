"""Datamodels: outputs of models refitted on subsets, regressed on which rows were in."""
