"""Frames between a client and the engine: the twin of ``internal/wire``.

``docs/protocol.md`` explains them. Nothing here knows what a loader is: bytes in,
frames out.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from collections import deque
from typing import Any, Deque, Dict, NamedTuple, Optional, Tuple

import numpy as np

from ._place import At, Mark
from .errors import InternalError, InvalidError

PROTOCOL = 1
MAX_PAYLOAD = 16 << 20

HELLO = 1
HELLO_OK = 2
OPEN = 3
OPENED = 4
RELEASE = 5
SLOT = 6
SEEK = 7
BATCH = 8
STATS = 9
STATS_REPLY = 10
CLOSE = 11
ERROR = 12
NOTICE = 14
INDEX = 15
INDEX_REPLY = 16
WAIT = 17
STEPS_REPLY = 18
STEPS = 19

_HEADER = struct.Struct("<IHH")  # payload bytes, type, zero
_RELEASE = struct.Struct("<II")  # slot, generation
_SLOT = struct.Struct("<IIQ")  # slot, zero, bytes
_WAIT = struct.Struct("<II")  # stream, held
_BATCH = struct.Struct("<IIIIQQQII")
_SEQUENCE = struct.Struct("<IIIIQQ")  # follows in batches of sequences; then the place as JSON
_LAST = 1  # bit of BatchFrame.flags

_TO_CLIENT = frozenset((HELLO_OK, OPENED, SLOT, BATCH, STATS_REPLY, ERROR, NOTICE, INDEX_REPLY, STEPS_REPLY))


class BatchFrame(NamedTuple):
    """A ready slot, leased to the client."""

    slot: int
    generation: int
    stream: int
    rows: int
    epoch: int
    step: int
    position: int
    valid: int
    flags: int

    @property
    def last(self) -> bool:
        """Whether it is the epoch's last batch for this rank."""
        return bool(self.flags & _LAST)

    @property
    def at(self) -> At:
        """The place in the epoch after it."""
        return self.position


class SequenceFrame(BatchFrame):
    """The same for sequences, with ``tail``: width, longest, micro, micros, samples and
    tokens of the step.
    """

    tail: Tuple[int, ...]
    place: bytes

    @property
    def at(self) -> At:
        """The place in the epoch after it."""
        return Mark(self.position, self.place, self.last)


class ConnectionLost(Exception):
    """The other side is gone. Private: callers restart the engine or say so."""


def encode(kind: int, payload: bytes) -> bytes:
    """Return one frame."""
    if len(payload) > MAX_PAYLOAD:
        raise InternalError(f"a frame of {len(payload)} bytes is above {MAX_PAYLOAD}")
    return _HEADER.pack(len(payload), kind, 0) + payload


def encode_json(kind: int, value: Dict[str, Any]) -> bytes:
    """Return one frame with a JSON payload."""
    return encode(kind, json.dumps(value, separators=(",", ":"), default=_plain).encode())


def _plain(value: Any) -> Any:
    """Return numpy's numbers and arrays, such as those of a mean, as JSON knows them."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise InvalidError(f"{value!r} cannot be sent to the engine", hint="give numbers, texts or lists of them")


def encode_release(slot: int, generation: int) -> bytes:
    """Return a RELEASE frame."""
    return encode(RELEASE, _RELEASE.pack(slot, generation))


def encode_wait(stream: int, held: int) -> bytes:
    """Return a WAIT frame: the trainer waits, and keeps ``held`` batches."""
    return encode(WAIT, _WAIT.pack(stream, held))


def decode_json(payload: bytes) -> Dict[str, Any]:
    """Return the object in a JSON payload."""
    try:
        value = json.loads(payload)
    except ValueError as err:
        raise InternalError(f"the engine sent a frame that is not JSON: {err}") from err
    if not isinstance(value, dict):
        raise InternalError("the engine sent JSON that is not an object")
    return value


def decode_batch(payload: bytes) -> BatchFrame:
    """Return the fields of a BATCH payload."""
    try:
        if len(payload) <= _BATCH.size:
            return BatchFrame._make(_BATCH.unpack(payload))
        frame = SequenceFrame._make(_BATCH.unpack_from(payload))
        frame.tail = _SEQUENCE.unpack_from(payload, _BATCH.size)
        frame.place = payload[_BATCH.size + _SEQUENCE.size :]
        return frame
    except struct.error as err:
        raise InternalError(f"the engine sent a BATCH frame of {len(payload)} bytes") from err


def decode_slot(payload: bytes) -> Tuple[int, int]:
    """Return number and size in bytes of a SLOT payload."""
    try:
        slot, _, size = _SLOT.unpack(payload)
    except struct.error as err:
        raise InternalError(f"the engine sent a SLOT frame of {len(payload)} bytes") from err
    return slot, size


class Receiver:
    """Reads frames, and the file descriptors that travel with SLOT frames.

    One thread at a time may call it. After an exception the connection is of no
    further use: bytes may be lost.
    """

    _CHUNK = 1 << 16
    _FD_SPACE = socket.CMSG_SPACE(16 * array.array("i").itemsize)

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        self._fds: Deque[int] = deque()

    def receive(self) -> Tuple[int, bytes]:
        """Return type and payload of the next frame, waiting for it."""
        while True:
            frame = self._parse()
            if frame is not None:
                return frame
            self._fill()

    def receive_ready(self) -> Optional[Tuple[int, bytes]]:
        """Return the next frame if it has come already, else None."""
        frame = self._parse()
        while frame is None:
            try:
                self._fill(socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            frame = self._parse()
        return frame

    def take_fd(self) -> int:
        """Return the oldest file descriptor received and not yet taken."""
        if not self._fds:
            raise InternalError("the engine sent a slot without its file descriptor")
        return self._fds.popleft()

    def close(self) -> None:
        """Close file descriptors that nobody took."""
        while self._fds:
            os.close(self._fds.popleft())

    def _parse(self) -> Optional[Tuple[int, bytes]]:
        buffer = self._buffer
        if len(buffer) < _HEADER.size:
            return None
        size, kind, _ = _HEADER.unpack_from(buffer)
        if size > MAX_PAYLOAD:
            raise InternalError(f"the engine announced a frame of {size} bytes")
        if kind not in _TO_CLIENT:
            raise InternalError(f"the engine sent a frame of unknown type {kind}")
        end = _HEADER.size + size
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        return kind, buffer[_HEADER.size : end]

    def _fill(self, flags: int = 0) -> None:
        try:
            data, ancillary, _, _ = self._sock.recvmsg(self._CHUNK, self._FD_SPACE, flags)
        except BlockingIOError:
            raise
        except OSError as err:  # a timeout too, and a socket that another thread closed
            raise ConnectionLost(str(err)) from err
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
                self._fds.extend(fds)
        if not data:
            raise ConnectionLost("the engine closed the connection")
        self._buffer = self._buffer + data if self._buffer else data
