"""Controls: what any method has to beat."""
