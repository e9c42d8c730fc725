"""One pass over the epoch of a loader."""

from __future__ import annotations

import threading
import time
from typing import Optional

from . import _fork, _progress, _wire
from ._base import MAX_RESTARTS, BaseLoader
from ._batch import Batch
from ._place import Mark, position_of
from ._report import Epoch
from ._session import Session
from ._warnings import warn
from .errors import EngineError


class EpochIterator:
    """Hands out the batches of one epoch. Several threads may share it."""

    def __init__(self, loader: BaseLoader) -> None:
        self._bar: Optional[_progress.Bar] = None
        self.session: Optional[Session] = None  # one of its own, once another iterator took over
        self._figures = Epoch()
        self._loader = loader
        self._epoch, self._position = loader._begin_epoch(self, self._figures)
        self._figures.number = self._epoch
        self._lock = threading.Lock()
        self._begun: Optional[float] = None
        self._done = False
        _fork.iterators.add(self)

    def __iter__(self) -> EpochIterator:
        return self

    def __next__(self) -> Batch:
        with self._lock:
            if self._done:
                raise StopIteration
            begun = time.perf_counter()
            if self._begun is None:
                self._begun = begun
            try:
                batch = self._advance()
            except BaseException:
                # The epoch's end, or the rest of the epoch is given up as with break.
                self._end()
                raise
            self._count(batch, begun)
            return batch

    def _advance(self) -> Batch:
        loader = self._loader
        restarts = 0
        while True:
            try:
                session = loader._session_of(self, (self._epoch, self._position))
                if not self._steps_left(session):
                    loader._cursor = loader._next
                    raise StopIteration
                batch, frame = session.next(self._epoch, self._position)
            except _wire.ConnectionLost as err:
                loader._check_open()
                restarts += 1
                self._tell_restart(restarts, err)
                continue
            self._position = frame.at
            loader._cursor = (self._epoch, frame.at)
            loader._valid = frame.valid
            self._figures.source = session
            return batch

    def _steps_left(self, session: Session) -> bool:
        """Whether the epoch has a batch after the position, as ``internal/plan`` counts."""
        if isinstance(self._position, Mark):
            return not self._position.end
        plan = self._loader._request["plan"]
        left = int(session.opened["samples"]) - self._position
        needed = plan["batch_size"] * plan["world_size"] if plan["last_batch"] == "drop" else 1
        return left >= needed

    def _tell_restart(self, restarts: int, err: Exception) -> None:
        if restarts > MAX_RESTARTS:
            raise EngineError(
                f"the engine died {restarts} times in a row: {err}",
                hint="see whether the machine ran out of memory (dmesg), and report this if it did not",
            ) from err
        warn(
            f"the engine died ({err}); it is started again and goes on at epoch {self._epoch}, "
            f"position {position_of(self._position)}: no batch is lost or repeated"
        )

    def _count(self, batch: Batch, begun: float) -> None:
        now = time.perf_counter()
        figures = self._figures
        figures.waited_s += now - begun
        figures.wall_s = now - (self._begun or now)
        figures.batches += 1
        figures.samples += batch.valid
        if figures.batches == 1:
            figures.first_s = now - begun
        if self._loader._progress:
            if self._bar is None:
                self._bar = _progress.Bar(self._epoch, self._loader._steps(self._epoch), batch.step)
            self._bar.step(figures.waited_share)

    def _end(self) -> None:
        self._done = True
        if self._begun is not None:
            self._figures.wall_s = time.perf_counter() - self._begun
        if self._bar is not None:
            self._bar.close()
        self._ask_for_figures()
        if self.session is not None:
            self.session.close()

    def _ask_for_figures(self) -> None:
        """Ask now, for `report`: the engine does not keep the figures of old epochs for long."""
        source = self._figures.source
        if source is None or source.closed or source is self.session:
            return
        try:
            source.fetch_stats(self._figures, wait=False)
            self._figures.complete = True
        except _wire.ConnectionLost:
            pass  # the next batch finds out; a figure is not worth a restart

    def renew_lock(self) -> None:
        """After a fork: the lock may be held by a thread that the child does not have."""
        self._lock = threading.Lock()

    def __del__(self) -> None:
        # Nothing depends on this: break leaves the bar and the session of an
        # iterator that was taken over to the garbage collector, this is earlier.
        if self._bar is not None:
            self._bar.close()
        if self.session is not None:
            self.session.close()
