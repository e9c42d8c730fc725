"""Shared-memory slots and the leases on them.

A slot is a piece of memory that the engine fills with one batch. A lease is the
right to read it; it ends when the last array that views the slot is gone, which
may happen in any thread and inside a garbage collection. Nothing is copied.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from typing import Any, Deque, Dict, List, Protocol, Tuple

import numpy as np
import numpy.typing as npt


class Slot:
    """One mapped slot. The mapping lives as long as an array views it, even when
    the session is closed: the engine then has let go of it and writes no more.
    """

    __slots__ = ("__weakref__", "_memory", "address", "nbytes", "number", "read_only", "writable")

    def __init__(self, number: int, fd: int, nbytes: int) -> None:
        """Map ``fd``, which is closed whatever happens."""
        try:
            if sys.version_info >= (3, 13):
                memory = mmap.mmap(fd, nbytes, trackfd=False)
            else:
                memory = mmap.mmap(fd, nbytes)
        finally:
            os.close(fd)
        self._memory = memory
        self.number = number
        self.nbytes = nbytes
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self.read_only = self._interface(read_only=True)
        self.writable = self._interface(read_only=False)

    def _interface(self, *, read_only: bool) -> Dict[str, Any]:
        return {
            "shape": (self.nbytes,),
            "typestr": "|u1",
            "data": (self.address, read_only),
            "version": 3,
        }


class Lender(Protocol):
    """Who takes slots back: a session."""

    returned: Deque[Tuple[int, bytes]]
    """Slots that came back, with the frames that say so, until these are sent."""

    interrupts: List[None]
    """An element for each Ctrl-C that came where it could not be raised."""

    def flush(self) -> None:
        """Send what can be sent without waiting."""


class Lease:
    """The right to read a slot. ``numpy.asarray(lease)`` views the whole slot and
    keeps the lease; dropping the last such view returns the slot.
    """

    __slots__ = ("__array_interface__", "__weakref__", "_lender", "_notice", "_slot")

    def __init__(self, slot: Slot, notice: bytes, lender: Lender, *, writable: bool) -> None:
        """Lend a slot; ``notice`` is the frame that returns it."""
        self._slot = slot
        self._notice = (slot.number, notice)
        self._lender = lender
        self.__array_interface__ = slot.writable if writable else slot.read_only

    def view(self) -> npt.NDArray[np.uint8]:
        """Return the slot's bytes as an array whose base is this lease."""
        return np.asarray(self)

    def __del__(self) -> None:
        try:
            self._lender.returned.append(self._notice)
            self._lender.flush()
        except KeyboardInterrupt:
            # Python would print and forget what is raised here; the next batch raises it.
            self._lender.interrupts.append(None)
        except AttributeError:
            pass  # interrupted before it was whole: nothing views it, its session is closed
