"""A session against an engine's end of a socket."""

from __future__ import annotations

import os
import socket
from typing import Callable, Iterator

import pytest

import stoker
from stoker import _engine, _fork, _session, _wire


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    """Return the client's end of a connection on which the engine said why, and left."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(_wire.encode_json(_wire.ERROR, {"kind": 4, "message": "the reader is broken"}))
    with ours:
        yield ours


def test_an_engine_that_left_said_why(ours: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "connect", lambda: (ours, _wire.Receiver(ours), os.getpid()))
    with pytest.raises(stoker.CorruptError, match="the reader is broken"):
        _session.Session({"start": {"epoch": 0, "position": 0}}, writable=False)


def test_an_engine_that_left_before_the_greeting_said_why(ours: socket.socket) -> None:
    with pytest.raises(stoker.CorruptError, match="the reader is broken"):
        _engine._greet(ours)


def test_a_loader_closed_while_a_batch_is_read(
    make: Callable[..., stoker.Loader], monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = make()

    def emptied() -> None:
        loader.close()  # as another thread may at any moment
        raise IndexError("pop from an empty deque")

    monkeypatch.setattr(loader._session, "_next_frame", emptied)
    with pytest.raises(stoker.InvalidError, match="the loader is closed"):
        next(iter(loader))


def test_a_fork_while_another_thread_opens_a_session() -> None:
    class Growing:
        looks = 0

        def __iter__(self) -> Iterator[int]:
            self.looks += 1
            if self.looks == 1:
                raise RuntimeError("Set changed size during iteration")
            return iter([1, 2])

    assert _fork._all(Growing()) == [1, 2]
