"""The frames, against the golden ones that the engine's tests parse too."""

from __future__ import annotations

import json
import os
import socket
from typing import Iterator, Tuple

import pytest
from conftest import REPOSITORY

from stoker import _wire
from stoker.errors import InternalError

GOLDEN = REPOSITORY / "testdata" / "wire"


def golden(name: str) -> Tuple[bytes, int, dict]:
    described = json.loads((GOLDEN / f"{name}.json").read_text())
    return (GOLDEN / f"{name}.frame").read_bytes(), described["type"], described["message"]


@pytest.fixture
def pair() -> Iterator[Tuple[socket.socket, _wire.Receiver]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield theirs, _wire.Receiver(ours)


@pytest.mark.parametrize("name", ["hello", "seek", "open", "close", "hello_ok", "error", "notice"])
def test_json_frames(name: str) -> None:
    frame, kind, message = golden(name)
    assert _wire.decode_json(frame[8:]) == message
    assert _wire.encode_json(kind, message)[4:8] == frame[4:8]
    assert json.loads(_wire.encode_json(kind, message)[8:]) == message


def test_binary_frames() -> None:
    frame, kind, message = golden("batch")
    assert kind == _wire.BATCH
    batch = _wire.decode_batch(frame[8:])
    assert {k.lower(): v for k, v in message.items()} == batch._asdict()
    assert batch.last

    frame, kind, message = golden("slot")
    assert (kind, *_wire.decode_slot(frame[8:])) == (_wire.SLOT, message["Slot"], message["Bytes"])

    frame, _, message = golden("release")
    assert _wire.encode_release(message["Slot"], message["Generation"]) == frame

    frame, _, message = golden("wait")
    assert _wire.encode_wait(message["Stream"], message["Held"]) == frame


def test_types_are_the_engines() -> None:
    numbers = {}
    for line in (REPOSITORY / "internal" / "wire" / "wire.go").read_text().splitlines():
        words = line.split()
        if len(words) == 4 and words[1] == "Type" and words[2] == "=":
            numbers[words[0][len("Type") :].lower()] = int(words[3])
    assert len(numbers) > 10
    for name, number in numbers.items():
        constant = next(c for c in dir(_wire) if c.replace("_", "").lower() == name)
        assert getattr(_wire, constant) == number


def test_frames_in_pieces(pair: Tuple[socket.socket, _wire.Receiver]) -> None:
    theirs, receiver = pair
    frames = b"".join(golden(name)[0] for name in ("batch", "notice", "batch"))
    assert receiver.receive_ready() is None
    for i in range(len(frames)):
        theirs.send(frames[i : i + 1])
        if i == 60:
            assert receiver.receive()[0] == _wire.BATCH
            assert receiver.receive_ready() is None
    assert receiver.receive_ready() is not None
    assert receiver.receive()[0] == _wire.BATCH


def test_descriptors_stay_in_order(pair: Tuple[socket.socket, _wire.Receiver]) -> None:
    theirs, receiver = pair
    pipes = [os.pipe() for _ in range(5)]
    frame = golden("slot")[0]
    for read, _ in pipes:
        socket.send_fds(theirs, [frame], [read])
    for read, write in pipes:
        assert receiver.receive()[0] == _wire.SLOT
        fd = receiver.take_fd()
        assert os.fstat(fd).st_ino == os.fstat(read).st_ino
        for end in (fd, read, write):
            os.close(end)
    with pytest.raises(InternalError, match="without its file descriptor"):
        receiver.take_fd()


@pytest.mark.parametrize(
    "frame", [b"\xff\xff\xff\xff\x08\x00\x00\x00", b"\0\0\0\0\x07\x00\x00\x00", b"\0\0\0\0\xc8\x00\x00\x00"]
)
def test_nonsense_is_refused(pair: Tuple[socket.socket, _wire.Receiver], frame: bytes) -> None:
    theirs, receiver = pair
    theirs.send(frame)
    with pytest.raises(InternalError):
        receiver.receive()


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b"1"])
def test_nonsense_in_frames_is_refused(payload: bytes) -> None:
    for decode in (_wire.decode_json, _wire.decode_batch, _wire.decode_slot):
        with pytest.raises(InternalError):
            decode(payload)


def test_the_end_of_a_connection(pair: Tuple[socket.socket, _wire.Receiver]) -> None:
    theirs, receiver = pair
    theirs.send(golden("batch")[0][:20])
    theirs.close()
    with pytest.raises(_wire.ConnectionLost):
        receiver.receive()
