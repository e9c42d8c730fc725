"""Warnings that point at the user's line."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Optional


def warn(text: str) -> None:
    """Show a ``RuntimeWarning`` at the line that called into the package."""
    level = 1
    frame: Optional[FrameType] = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "stoker":
        frame = frame.f_back
        level += 1
    warnings.warn(text, RuntimeWarning, stacklevel=level)
