"""Gradients of the loss of single rows: how they are made, kept and multiplied."""
