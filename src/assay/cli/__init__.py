"""The command `assay`: parse, call, print."""

from .main import main as main
