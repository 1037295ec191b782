"""Methods that ask a game: what does a coalition gain when a row joins it?"""
