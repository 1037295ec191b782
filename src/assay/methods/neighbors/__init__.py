"""Methods that ask the data: which rows are near the rows that judge?"""
