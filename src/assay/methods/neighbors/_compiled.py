"""Compiled loops, as in other families."""

from __future__ import annotations

from ..._compiled import compiled as compiled
