"""Models that learn a row at a time: exact twins of scikit-learn's, which need no refit."""
