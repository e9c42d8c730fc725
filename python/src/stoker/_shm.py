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
from typing import Any, Callable, Dict

import numpy as np
import numpy.typing as npt

Release = Callable[[int, int], None]


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


class Lease:
    """The right to read a slot. ``numpy.asarray(lease)`` views the whole slot and
    keeps the lease; dropping the last such view releases the slot.
    """

    __slots__ = ("__array_interface__", "__weakref__", "_generation", "_release", "_slot")

    def __init__(self, slot: Slot, generation: int, release: Release, *, writable: bool) -> None:
        self._slot = slot
        self._generation = generation
        self._release = release
        self.__array_interface__ = slot.writable if writable else slot.read_only

    def view(self) -> npt.NDArray[np.uint8]:
        """Return the slot's bytes as an array whose base is this lease."""
        return np.asarray(self)

    def __del__(self) -> None:
        self._release(self._slot.number, self._generation)
