"""Where a loader stands inside an epoch."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, NamedTuple, Union

from .errors import InvalidError


class Mark(NamedTuple):
    """A place inside an epoch of sequences. The engine alone reads it."""

    position: int
    place: bytes
    """JSON."""
    end: bool
    """Whether the epoch is over."""


At = Union[int, Mark]
"""Samples of an epoch consumed over all ranks; of sequences a Mark, or 0 at the start."""


def position_of(at: At) -> int:
    """Return the samples of the epoch consumed before a place."""
    return at.position if isinstance(at, Mark) else at


def members(at: At) -> Dict[str, Any]:
    """Return what a state says of a place."""
    if isinstance(at, Mark):
        return {"position": at.position, "place": json.loads(at.place)}
    return {"position": at}


def of_state(state: Mapping[str, Any]) -> At:
    """Read what :func:`members` wrote."""
    try:
        position, place = int(state["position"]), state.get("place")
        if place is None:
            return position
        return Mark(position, json.dumps(place).encode(), bool(place.get("end", False)))
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise InvalidError(f"this is not the state of a loader: {err!r}") from err
