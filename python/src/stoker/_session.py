"""One loader's connection to the engine: slots, leases, and the stream of batches."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from . import _engine, _fork, _place, _sequence, _wire
from ._batch import Batch, parse_fields
from ._place import At
from ._report import Epoch
from ._shm import Lease, Slot
from ._warnings import warn
from .errors import InternalError, from_wire


class Session:
    """A client's end of a session. Any thread may call its methods."""

    def __init__(
        self,
        request: Dict[str, Any],
        on_slot: Optional[Callable[[Slot], None]] = None,
        *,
        writable: bool = False,
        at: Optional[At] = None,
    ) -> None:
        """Open a session as the OPEN frame ``request`` says; call ``on_slot`` for each new slot.

        Raises what the engine answers, such as ``NotFoundError``, and
        ``_wire.ConnectionLost`` where it dies meanwhile.
        """
        self.closed = True  # until there is a connection
        self._writable = writable
        self._on_slot = on_slot
        self._slots: Dict[int, Slot] = {}
        self._batches: Deque[_wire.BatchFrame] = deque()
        self._awaiting: Deque[Epoch] = deque()  # who asked for figures
        self._steps: Dict[int, int] = {}  # of epochs, where they differ
        self.returned: Deque[Tuple[int, bytes]] = deque()
        self.interrupts: List[None] = []
        self._keeping_back = False  # releases, during a fork
        self._lock = threading.Lock()  # of all but releases
        self._stream = 1  # that of OPEN
        self._on_loan: Dict[int, Slot] = {}  # slots that arrays view
        self._broken = False  # nothing more can be sent
        start = request["start"]
        self.at: Tuple[int, At] = (start["epoch"], start["position"] if at is None else at)
        self._sock, self._receiver, self.engine_pid = _engine.connect()
        self.closed = False
        _fork.sessions.add(self)
        try:
            self._send(_wire.encode_json(_wire.OPEN, request))
            while self._receive() != _wire.OPENED:
                pass
        except BaseException:
            self.close()
            raise

    def _opened(self, opened: Dict[str, Any]) -> None:
        self.opened = opened
        self._fields: Any = (
            _sequence.parse(opened["fields"]) if opened.get("sequences") else parse_fields(opened["fields"])
        )
        for text in opened.get("notices") or []:
            warn(text)

    # -- the stream -------------------------------------------------------

    def next(self, epoch: int, position: At) -> Tuple[Batch, _wire.BatchFrame]:
        """Return the batch of ``epoch`` that starts at ``position``."""
        with self._lock:
            try:
                return self._next(epoch, position)
            except BaseException as err:
                # Also a KeyboardInterrupt, which may come between any two steps: what it
                # leaves undone does not matter where the session is not used again.
                self._end(err)
                raise

    def _next(self, epoch: int, position: At) -> Tuple[Batch, _wire.BatchFrame]:
        if self.interrupts:
            self.interrupts.clear()
            raise KeyboardInterrupt
        self._seek(epoch, position)
        frame = self._next_frame()
        if frame.epoch != epoch or frame.position < _place.position_of(position):
            raise InternalError(
                f"asked for epoch {epoch} from {position}, the engine sent epoch {frame.epoch} up to {frame.position}"
            )
        self.at = (epoch + 1, 0) if frame.last else (epoch, frame.at)
        lease = self._lease(frame)
        if isinstance(frame, _wire.SequenceFrame):
            return _sequence.SequenceBatch(frame, self._fields, lease), frame
        return Batch(frame, self._fields, lease), frame

    def _end(self, err: BaseException) -> None:
        """Close the session after an error. Where another thread had closed it, the error
        may be anything, of a frame half read: then raise that the connection is lost.
        """
        closed = self.closed
        self.close()
        if closed and isinstance(err, Exception):
            raise _wire.ConnectionLost("the session was closed") from err

    def go_to(self, epoch: int, position: At) -> None:
        """Let the stream go on from there, before a batch of it is asked for."""
        with self._lock:
            try:
                self._seek(epoch, position)
            except BaseException as err:
                self._end(err)
                raise

    def _seek(self, epoch: int, position: At) -> None:
        if self.at == (epoch, position):
            return
        self._stream += 1
        self._send(_wire.encode_json(_wire.SEEK, {"stream": self._stream, "epoch": epoch, **_place.members(position)}))
        self.at = (epoch, position)
        for _ in range(len(self._batches)):
            self._give_back(self._batches.popleft())

    def _next_frame(self) -> _wire.BatchFrame:
        while True:
            while self._batches:
                frame = self._batches.popleft()
                if frame.stream == self._stream:
                    return frame
                self._give_back(frame)
            if self._receive_ready():
                continue
            # Nothing has come yet: the trainer waits. The engine is told how many
            # batches are kept, so that it can make more slots instead of a deadlock.
            self._send(_wire.encode_wait(self._stream, len(self._on_loan)))
            self._receive()

    def _lease(self, frame: _wire.BatchFrame) -> Lease:
        try:
            slot = self._slots[frame.slot]
        except KeyError:
            raise InternalError(f"the engine sent a batch in slot {frame.slot}, which it never named") from None
        self._on_loan[frame.slot] = slot
        return Lease(slot, _wire.encode_release(frame.slot, frame.generation), self, writable=self._writable)

    # -- figures ----------------------------------------------------------

    def fetch_stats(self, figures: Epoch, *, wait: bool) -> None:
        """Ask for the engine's figures as they are now, to be put into ``figures`` when the
        reply is read; do not ask again for an epoch that is complete. With ``wait``, until
        then.
        """
        with self._lock:
            try:
                if not figures.complete:
                    request = {"epoch": figures.number, "waited_s": figures.waited_s, "wall_s": figures.wall_s}
                    self._send(_wire.encode_json(_wire.STATS, request))
                    self._awaiting.append(figures)
                while wait and any(waiting is figures for waiting in self._awaiting):
                    self._receive()
            except BaseException as err:
                self._end(err)
                raise

    def fetch_steps(self, epoch: int) -> int:
        """Return the number of batches of a whole epoch."""
        with self._lock:
            try:
                if epoch not in self._steps:
                    self._send(_wire.encode_json(_wire.STEPS, {"epoch": epoch}))
                    while epoch not in self._steps:
                        self._receive()
                return self._steps[epoch]
            except BaseException as err:
                self._end(err)
                raise

    # -- frames -----------------------------------------------------------

    def _receive(self) -> int:
        """Read one frame, note what it says, and return its type."""
        kind, payload = self._receiver.receive()
        self._note(kind, payload)
        return kind

    def _receive_ready(self) -> bool:
        """Do the same if a frame has come already."""
        frame = self._receiver.receive_ready()
        if frame is not None:
            self._note(*frame)
        return frame is not None

    def _note(self, kind: int, payload: bytes) -> None:
        if kind == _wire.BATCH:
            self._batches.append(_wire.decode_batch(payload))
        elif kind == _wire.SLOT:
            number, nbytes = _wire.decode_slot(payload)
            slot = self._slots[number] = Slot(number, self._receiver.take_fd(), nbytes)
            if self._on_slot is not None:
                self._on_slot(slot)
        elif kind == _wire.STATS_REPLY:
            self._awaiting.popleft().engine = _wire.decode_json(payload)
        elif kind == _wire.STEPS_REPLY:
            reply = _wire.decode_json(payload)
            self._steps[int(reply["epoch"])] = int(reply["steps"])
        elif kind == _wire.NOTICE:
            self._notice(_wire.decode_json(payload))
        elif kind == _wire.OPENED:
            self._opened(_wire.decode_json(payload))
        elif kind == _wire.ERROR:
            raise from_wire(_wire.decode_json(payload))

    def _notice(self, notice: Dict[str, Any]) -> None:
        if notice.get("kind") == "held":
            # Batches in reference cycles look held until a collection finds them.
            gc.collect()
            self.flush()
        warn(str(notice.get("message", "")))

    # -- sending ----------------------------------------------------------

    def _give_back(self, frame: _wire.BatchFrame) -> None:
        """Return a batch that nobody will read."""
        self.returned.append((frame.slot, _wire.encode_release(frame.slot, frame.generation)))
        self.flush()

    def flush(self) -> None:
        """Send releases. Safe in any thread and inside a garbage collection: it takes no
        lock and never waits.
        """
        while self.returned and not self._broken and not self._keeping_back:
            try:
                slot, notice = self.returned.popleft()
            except IndexError:  # another thread was faster
                return
            self._on_loan.pop(slot, None)
            try:
                self._sock.send(notice, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self.returned.appendleft((slot, notice))
                return
            except OSError:
                self._broken = True  # the next receive says it to the user

    def _send(self, frame: bytes) -> None:
        # The kernel takes a short frame whole or not at all, so frames of several
        # threads do not mix. OPEN, which may be longer, is alone.
        try:
            self._sock.sendall(frame)
        except OSError:
            # An engine that ended the session said why before: the next receive tells.
            self._broken = True
        self.flush()

    # -- the end ----------------------------------------------------------

    def close(self) -> None:
        """End the session. Arrays that view its slots stay valid. Any thread may call it."""
        if not self.closed:
            self.closed = self._broken = True
            with contextlib.suppress(OSError):
                self._sock.send(_wire.encode_json(_wire.CLOSE, {}), socket.MSG_DONTWAIT)
                self._sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for a batch
        self.forget()

    def forget(self) -> None:
        """Let go of the connection without a word; the engine sees the socket close."""
        self._broken = self.closed = True
        self._sock.close()
        self._receiver.close()
        self._slots.clear()
        self._batches.clear()
        self.returned.clear()
        self._on_loan.clear()
        _fork.sessions.discard(self)

    def __del__(self) -> None:
        # The socket would be closed without this too, but not without a ResourceWarning.
        if not self.closed:
            self.forget()

    # -- forks (see _fork) ------------------------------------------------

    def leased(self) -> List[Slot]:
        """Return the slots that arrays view."""
        return list(self._on_loan.values())

    def hold_releases(self) -> None:
        """Keep releases back until :meth:`let_releases_go`."""
        self._keeping_back = True

    def let_releases_go(self) -> None:
        """Send what was kept back."""
        self._keeping_back = False
        self.flush()

    def forget_in_child(self) -> None:
        """After a fork: the session is the parent's, and so are its locks."""
        self._lock = threading.Lock()
        self.forget()


def close_all() -> None:
    """End all sessions of the process, at its end."""
    for session in list(_fork.sessions):
        session.close()
