"""Experts: sources of candidate repairs. They propose and abstain; they never write."""

from ._expert import Candidate as Candidate
from ._expert import Expert as Expert
from .category import CategoryExpert as CategoryExpert
from .label import LabelExpert as LabelExpert
from .number import NumberExpert as NumberExpert
