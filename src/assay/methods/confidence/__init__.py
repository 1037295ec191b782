"""Scores of labels by what a model that was fitted without the row thinks of them."""
