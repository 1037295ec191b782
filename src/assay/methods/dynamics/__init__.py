"""Methods that ask what training showed of each row."""
