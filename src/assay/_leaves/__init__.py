"""What the leaves of an ensemble of trees hold: read from the model, and computed again from the rows."""
