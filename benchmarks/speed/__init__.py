"""How fast: evaluations a second beside the peers', who run in the same invocation on the same arrays."""
