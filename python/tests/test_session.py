"""A session against an engine's end of a socket."""

from __future__ import annotations

import os
import socket

import pytest

import stoker
from stoker import _engine, _session, _wire


def test_an_engine_that_left_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(_wire.encode_json(_wire.ERROR, {"kind": 4, "message": "the reader is broken"}))
    monkeypatch.setattr(_engine, "connect", lambda: (ours, _wire.Receiver(ours), os.getpid()))
    with ours, pytest.raises(stoker.CorruptError, match="the reader is broken"):
        _session.Session({"start": {"epoch": 0, "position": 0}}, writable=False)
