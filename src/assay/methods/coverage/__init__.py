"""Methods that ask how the rows fill the space of their features; no model and no validation rows."""
