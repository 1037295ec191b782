"""How good: figures against known truth, and against the plain way."""
