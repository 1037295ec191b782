"""Methods that ask how far rows have to be carried to where the validation rows are."""
