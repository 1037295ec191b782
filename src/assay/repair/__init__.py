"""Repair: propose, review, apply, judge, record; and undo."""

from .improve import check as check
from .improve import improve as improve
