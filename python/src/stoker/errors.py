"""What can go wrong, as exception classes: one per kind of failure.

Every exception carries the facts that a program needs to act on it (``kind``,
``path``, ``shard``, ``offset``, ``key``) and a ``hint`` that tells a person what
to do. Kinds have the numbers of ``internal/errs`` of the engine.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Type

__all__ = [
    "CanceledError",
    "CorruptError",
    "EngineError",
    "ExhaustedError",
    "InternalError",
    "InvalidError",
    "MismatchError",
    "NotFoundError",
    "PermissionDeniedError",
    "StokerError",
    "TransientError",
    "UnsupportedError",
]


class StokerError(Exception):
    """Any failure that Stoker reports.

    Attributes:
        kind: the name of the kind of failure, such as ``"corrupt"``.
        message: what failed, with which value.
        hint: what to do about it; empty where nothing helps.
        path: the file or dataset concerned, or empty.
        shard: the shard file inside the dataset, or empty.
        offset: the byte offset inside the shard; meaningful where ``shard`` is set.
        key: the sample's key, or empty.
    """

    kind: str = "internal"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        path: str = "",
        shard: str = "",
        offset: int = 0,
        key: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = path
        self.shard = shard
        self.offset = offset
        self.key = key

    def __str__(self) -> str:
        """Return the place, the message and the hint, as the command line prints them."""
        place = ""
        if self.path and self.path not in self.message:
            place += f"{self.path}: "
        if self.shard and self.shard not in self.message:
            place += f"{self.shard} at byte {self.offset}: "
        if self.key and self.key not in self.message:
            place += f"sample {self.key!r}: "
        text = place + self.message
        return f"{text}\nhint: {self.hint}" if self.hint else text

    def __reduce__(self) -> Any:
        # Exceptions cross process borders (multiprocessing pools); the default
        # would lose the keyword-only facts.
        facts = {k: getattr(self, k) for k in ("hint", "path", "shard", "offset", "key")}
        return _rebuild, (type(self), self.message, facts)


def _rebuild(cls: Type[StokerError], message: str, facts: Dict[str, Any]) -> StokerError:
    return cls(message, **facts)


class InternalError(StokerError):
    """A bug in Stoker: please report it with its text."""

    kind = "internal"


class InvalidError(StokerError, ValueError):
    """An argument or option is wrong."""

    kind = "invalid"


class NotFoundError(StokerError, FileNotFoundError):
    """A file, dataset or field does not exist."""

    kind = "not found"


class PermissionDeniedError(StokerError, PermissionError):
    """The system refuses access."""

    kind = "permission"


class CorruptError(StokerError):
    """Bytes are not what their checksum or format says."""

    kind = "corrupt"


class TransientError(StokerError):
    """Trying again may succeed."""

    kind = "transient"


class ExhaustedError(StokerError):
    """Memory, disk, slots or file descriptors ran out."""

    kind = "exhausted"


class UnsupportedError(StokerError):
    """Valid, but not something that Stoker can do."""

    kind = "unsupported"


class CanceledError(StokerError):
    """The caller gave up."""

    kind = "canceled"


class MismatchError(StokerError):
    """Two things that must agree do not: versions, or a saved state and its dataset."""

    kind = "mismatch"


class EngineError(InternalError):
    """The engine's process cannot be started, or died again and again."""


# By the number that crosses the wire; append only, as internal/errs.
_CLASSES = (
    InternalError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    CorruptError,
    TransientError,
    ExhaustedError,
    UnsupportedError,
    CanceledError,
    MismatchError,
)


def from_wire(facts: Dict[str, Any]) -> StokerError:
    """Return the exception that an ERROR frame describes. Unknown kinds are internal."""
    number = facts.get("kind", 0)
    known = isinstance(number, int) and 0 <= number < len(_CLASSES)
    cls: Type[StokerError] = _CLASSES[number] if known else InternalError

    def text(name: str) -> str:
        value: Optional[object] = facts.get(name)
        return value if isinstance(value, str) else ""

    return cls(
        text("message") or "the engine gave no reason",
        hint=text("hint"),
        path=text("path"),
        shard=text("shard"),
        offset=int(facts.get("offset") or 0),
        key=text("key"),
    )
