"""Metrics: inverses of curvatures, by which features are multiplied."""
