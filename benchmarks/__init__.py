"""What is measured, against what: figures for the docs, never part of the tests."""
