"""What a fork does to sessions and to the memory that they lend.

A forked child inherits the parent's sockets and mapped slots. The sockets are the
parent's: the child closes its copies and opens sessions of its own. Arrays that the
child inherits still view slots that the parent may release, and the engine would then
write into memory that the child reads. So the child takes a private copy of each slot
that is on loan, at the same address, and the parent waits for that: some milliseconds
for each batch that it holds while it forks.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import sys
import threading
import weakref
from typing import TYPE_CHECKING, List, Optional, TypeVar

from ._shm import Slot

if TYPE_CHECKING:
    from ._base import BaseLoader
    from ._epoch import EpochIterator
    from ._session import Session

Known = TypeVar("Known")

# What a child has to put right.
sessions: weakref.WeakSet[Session] = weakref.WeakSet()
loaders: weakref.WeakSet[BaseLoader] = weakref.WeakSet()
iterators: weakref.WeakSet[EpochIterator] = weakref.WeakSet()

_COPY_SECONDS = 10.0  # the longest that a parent waits for a child

# Of mmap and mremap on Linux.
_READ_WRITE, _PRIVATE_ANONYMOUS, _MOVE_TO = 3, 0x22, 3


def _all(known: weakref.WeakSet[Known]) -> List[Known]:
    """Return what a set holds, while other threads add to it."""
    while True:
        try:
            return list(known)
        except RuntimeError:  # one did between two elements
            continue


class _Handover:
    """The loan of slots from a parent to its child, from before the fork until after."""

    def __init__(self) -> None:
        self.held = _all(sessions)
        for session in self.held:
            session.hold_releases()
        self.slots: List[Slot] = [slot for session in self.held for slot in session.leased()]
        self.pipe = os.pipe() if self.slots else None

    def in_child(self) -> None:
        for slot in self.slots:
            _make_private(slot)
        for session in _all(sessions):
            session.forget_in_child()
        for loader in _all(loaders):
            loader.renew_lock()
        for iterator in _all(iterators):
            iterator.renew_lock()
        if self.pipe is not None:
            os.close(self.pipe[0])
            os.close(self.pipe[1])  # tells the parent

    def in_parent(self) -> None:
        if self.pipe is not None:
            read, write = self.pipe
            os.close(write)
            with contextlib.suppress(OSError):
                select.select([read], [], [], _COPY_SECONDS)
            os.close(read)
        for session in self.held:
            session.let_releases_go()


def _make_private(slot: Slot) -> None:
    """Replace a slot's shared memory by a private copy at the same address."""
    if sys.platform != "linux":
        return  # elsewhere arrays taken before a fork must not be used in the child
    libc = ctypes.CDLL(None, use_errno=True)
    word, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    libc.mmap.restype = libc.mremap.restype = word
    libc.mmap.argtypes = [word, size, number, number, number, ctypes.c_long]
    libc.mremap.argtypes = [word, size, size, number, word]
    copy = libc.mmap(None, slot.nbytes, _READ_WRITE, _PRIVATE_ANONYMOUS, -1, 0)
    if copy in (None, ctypes.c_void_p(-1).value):
        return  # no memory for a copy: the arrays then view what the parent's do
    ctypes.memmove(copy, slot.address, slot.nbytes)
    libc.mremap(copy, slot.nbytes, slot.nbytes, _MOVE_TO, slot.address)


_lock = threading.Lock()  # one fork at a time
_handover: Optional[_Handover] = None


def _before() -> None:
    global _handover  # noqa: PLW0603 the hooks have no other way to pass it on
    _lock.acquire()
    _handover = _Handover()


def _after_in_child() -> None:
    global _lock, _handover
    handover, _handover, _lock = _handover, None, threading.Lock()
    if handover is not None:
        handover.in_child()


def _after_in_parent() -> None:
    global _handover
    handover, _handover = _handover, None
    try:
        if handover is not None:
            handover.in_parent()
    finally:
        _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_after_in_child, after_in_parent=_after_in_parent)
