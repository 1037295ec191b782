"""Repair: propose, review, apply, judge, record; and undo."""

from .improve import improve as improve
