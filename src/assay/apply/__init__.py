"""Applications: what to do about a valuation. Each is verb(problem, valuation, ...) -> a frozen result."""
