"""Scripts that run in the peers' environments (`make peers`); they import a peer, numpy and scikit-learn only."""
