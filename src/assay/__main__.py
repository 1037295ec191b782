"""`python -m assay` is the command `assay`."""

from .cli import main

main()
