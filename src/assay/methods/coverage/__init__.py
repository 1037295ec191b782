"""Methods that ask how much of the space of features the rows cover; they need no labels."""
