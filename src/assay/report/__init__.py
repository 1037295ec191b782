"""The report of a run: one self-contained page that opens offline."""

from .collect import collect as collect
from .collect import write as write
from .facts import Facts as Facts
from .render import render as render
