"""What all loaders share: specification, place in the stream, state, sessions."""

from __future__ import annotations

import atexit
import contextlib
import operator
import os
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Type, TypeVar, Union

from . import _arguments, _fork, _place, _progress, _rank, _session, _wire
from ._place import At
from ._report import Epoch
from ._session import Session
from ._shm import Slot
from .batching import Rebalanced, Way
from .dataset import kind_of
from .errors import EngineError, InvalidError
from .transforms import HorizontalFlip, RandomResizedCrop, Transform

if TYPE_CHECKING:
    from ._epoch import EpochIterator

State = Dict[str, Any]
Place = Tuple[int, At]  # epoch and place in it
Self = TypeVar("Self", bound="BaseLoader")

MAX_RESTARTS = 3  # of the engine, without a batch in between


class BaseLoader:
    """A loader without the iteration: see :class:`stoker.Loader` for the arguments."""

    # Whether views allow writing; set by adapters whose tensors know no other way.
    _writable = False

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        batch_size: int = 256,
        *,
        image: Optional[Transform] = None,
        transforms: Optional[Sequence[Transform]] = None,
        flip: Optional[bool] = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        last_batch: Optional[str] = None,
        dtype: Optional[str] = None,
        layout: str = "NHWC",
        fields: Optional[Sequence[str]] = None,
        rank: Optional[int] = None,
        world_size: Optional[int] = None,
        on_bad_sample: str = "fail",
        workers: int = 0,
        prefetch_batches: int = 0,
        memory_budget_bytes: int = 0,
        progress: bool = False,
        apply_orientation: bool = False,
        epoch: int = 0,
        batching: Optional[Way] = None,
        **unknown: Any,
    ) -> None:
        for name in unknown:
            raise _arguments.unknown(type(self), name)
        if drop_last and last_batch not in (None, "drop"):
            raise InvalidError(f"drop_last=True and last_batch={last_batch!r} contradict each other")
        if progress:
            _progress.check()
        self._rank, self._world_size = (_whole("rank or world_size", n) for n in _rank.find(rank, world_size))
        seed, epoch = _whole("seed", seed), _whole("epoch", epoch)
        if not 0 <= seed < 2**64:
            raise InvalidError(f"seed is {seed}, must be 0 to 2**64 - 1")
        if isinstance(fields, str):
            raise InvalidError(f"fields={fields!r} is one text", hint=f"give a list: fields=[{fields!r}]")
        self._sequences = kind_of(path) == "sequences"
        if self._sequences and (image, transforms, flip) != (None, None, None):
            raise InvalidError("the dataset holds sequences; image=, transforms= and flip= are for pictures")
        self._request: Dict[str, Any] = {
            "dataset": os.path.abspath(os.fspath(path)),
            "pipeline": None
            if self._sequences
            else {
                "ops": [t.spec() for t in _operations(image, transforms, flip)],
                "output": {"dtype": dtype or "uint8", "layout": layout},
                "apply_orientation": apply_orientation,
            },
            "fields": list(fields) if fields is not None else [],
            "plan": {
                "batch_size": _whole("batch_size", batch_size),
                "shuffle": shuffle,
                "seed": seed,
                "rank": self._rank,
                "world_size": self._world_size,
                "last_batch": last_batch or ("drop" if drop_last else "keep"),
            },
            "on_bad_sample": on_bad_sample,
            "resources": {
                "workers": _whole("workers", workers),
                "prefetch_batches": _whole("prefetch_batches", prefetch_batches),
                "memory_budget_bytes": _whole("memory_budget_bytes", memory_budget_bytes),
            },
        }
        if batching is not None and not isinstance(batching, Way):
            raise InvalidError(
                f"batching={batching!r} is not a way to batch",
                hint="such as stoker.Packed(1024); see stoker.batching",
            )
        if self._sequences:
            way = (batching or Rebalanced()).spec()
            self._request["batching"] = {**way, "dtype": dtype} if dtype else way
        elif batching is not None:
            self._request["batching"] = batching.spec()  # the engine says what the dataset holds
        self._progress = progress
        self._state: Optional[State] = None  # binds the loader to its dataset, once it is open
        self._setup((epoch, 0), (epoch, 0))
        self._main_session()  # says at once what is wrong, and starts reading

    def _setup(self, following: Place, cursor: Place) -> None:
        """Set what is not part of the specification and does not travel by pickle."""
        self._next = following  # where the next iteration begins
        self._cursor = cursor  # after the batch last handed out
        self._description: Optional[Dict[str, Any]] = None  # the OPENED frame
        self._session: Optional[Session] = None
        self._owner: Optional[weakref.ReferenceType[EpochIterator]] = None  # who reads from it
        self._last = Epoch()
        self._valid = 0
        self._closed = False
        self._lock = threading.RLock()  # of the sessions
        _fork.loaders.add(self)

    # -- epochs -----------------------------------------------------------

    def _begin_epoch(self, iterator: EpochIterator, figures: Epoch) -> Place:
        """Make ``iterator`` the one that reads from the session; return its place."""
        self._check_open()
        place = self._cursor = self._next
        self._next = (place[0] + 1, 0)
        self._owner = weakref.ref(iterator)
        self._last = figures
        return place

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch on this rank."""
        return self._steps(self._next[0])

    def _steps(self, epoch: int) -> int:
        """Return the number of batches of an epoch; the engine counts where epochs differ."""
        steps = int(self._opened()["steps"])
        return steps if steps or not self._opened().get("sequences") else self._main_session().fetch_steps(epoch)

    def set_epoch(self, epoch: int) -> None:
        """Make ``epoch`` the next one to iterate over.

        The place inside the epoch, where a state was loaded, stays if it is the same
        epoch: resuming works with loops that call this at the start of every epoch.
        """
        epoch = _whole("epoch", epoch)
        if epoch < 0:
            raise InvalidError(f"epoch is {epoch}, must be at least 0")
        if self._next[0] != epoch:
            self._next = self._cursor = (epoch, 0)

    @property
    def epoch(self) -> int:
        """The number of the epoch that the next iteration gives."""
        return self._next[0]

    # -- state ------------------------------------------------------------

    def state_dict(self) -> State:
        """Return where the loader stands: after the batch last handed out.

        The value is small, plain (JSON) and bound to dataset, transforms and seed. It
        may be loaded with another batch size, rank or world size: the epoch goes on in
        the same order, nothing twice, nothing lost. Save it on one rank only; it is the
        same on all of them after the same step.
        """
        epoch, at = self._cursor
        return _state_at(self._opened()["state"], epoch, at)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was called: the next iteration gives the rest
        of that epoch, which is nothing where it was saved after the last batch.

        Raises:
            MismatchError: the state belongs to another dataset, other transforms or
                another seed; the message says what differs. The loader stays as it was.
        """
        self._check_open()
        try:
            place = int(state["epoch"]), _place.of_state(state)
        except (KeyError, TypeError, ValueError) as err:
            raise InvalidError(f"this is not the state of a loader: {err!r}") from err
        with self._lock:
            if self._state is not None and _stream(state) == _stream(self._state):
                self._go_to(place)
            else:
                session = self._open(place, dict(state))  # raises what differs
                self._drop_session()
                self._session = session
            self._owner = None
        self._next = self._cursor = place

    def _go_to(self, place: Place) -> None:
        """Continue the open session elsewhere, and start reading there."""
        epoch, at = place
        position = _place.position_of(at)
        samples = int(self._opened()["samples"])
        if epoch < 0 or not 0 <= position <= samples:
            raise InvalidError(f"the saved state is damaged: epoch {epoch}, position {position} of {samples} samples")
        with contextlib.suppress(_wire.ConnectionLost):  # the next batch finds out
            session = self._main_session(place if isinstance(at, int) else None)
            session.go_to(epoch, at)
            if not isinstance(at, int):  # the engine reads it, and says what is wrong with it
                session.fetch_stats(Epoch(number=epoch), wait=True)

    # -- figures ----------------------------------------------------------

    def report(self) -> str:
        """Return one sentence on the last epoch: how long the trainer waited, what
        limits, what would help."""
        self._settle_figures()
        return self._last.sentence()

    def stats(self) -> Dict[str, Any]:
        """Return figures of the last epoch: ``epoch``, ``wall_s``, ``waited_s``,
        ``waited_share``, ``first_batch_s``, ``batches``, ``samples``, and ``engine`` with
        the engine's own (stages, bytes read, memory, bad samples)."""
        self._settle_figures()
        last = self._last
        return {
            "epoch": last.number,
            "wall_s": last.wall_s,
            "waited_s": last.waited_s,
            "waited_share": last.waited_share,
            "first_batch_s": last.first_s,
            "batches": last.batches,
            "samples": last.samples,
            "engine": dict(last.engine),
        }

    def _settle_figures(self) -> None:
        """Have the engine's part of the figures, where the engine still lives."""
        last = self._last
        session = last.source
        if session is None or session.closed:
            return
        with contextlib.suppress(_wire.ConnectionLost):
            # The next batch finds out; a figure is not worth a restart.
            session.fetch_stats(last, wait=True)

    @property
    def valid(self) -> int:
        """How many samples of the batch last handed out count; the rest pad it.

        For loaders of tuples; a batch of :class:`stoker.Loader` knows its own.
        """
        return self._valid

    @property
    def batch_size(self) -> int:
        """Samples of one batch on this rank."""
        return int(self._request["plan"]["batch_size"])

    @property
    def rank(self) -> int:
        """The rank of this process, from 0."""
        return self._rank

    @property
    def world_size(self) -> int:
        """The number of processes that share each epoch."""
        return self._world_size

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, by label."""
        return tuple(self._opened().get("classes") or ())

    # -- sessions ---------------------------------------------------------

    def _open(self, place: Place, state: Optional[State]) -> Session:
        """Open a session; start the engine again where it dies meanwhile."""
        epoch, at = place
        if state is not None:
            state = _state_at(state, epoch, at)
        start = {"epoch": epoch, "position": _place.position_of(at)}
        request = {**self._request, "state": state, "start": start}
        lost: Optional[_wire.ConnectionLost] = None
        for _ in range(MAX_RESTARTS):
            try:
                session = Session(request, self._on_slot, writable=self._writable, at=at)
            except _wire.ConnectionLost as err:
                lost = err
                continue
            self._description = session.opened
            self._state = session.opened["state"]
            return session
        raise EngineError(
            f"the engine died {MAX_RESTARTS} times while it opened {request['dataset']}: {lost}",
            hint="see whether the machine ran out of memory (dmesg), and report this if it did not",
        )

    @property
    def _on_slot(self) -> Optional[Callable[[Slot], None]]:
        """What an adapter wants done with each slot's memory once it is mapped.

        It must not refer to the loader: a session that did would keep it alive.
        """
        return None

    def _opened(self) -> Dict[str, Any]:
        self._check_open()
        if self._description is None:
            self._main_session()
        assert self._description is not None
        return self._description

    def _main_session(self, place: Optional[Place] = None) -> Session:
        with self._lock:
            if self._session is None or self._session.closed:
                self._session = self._open(place or self._next, self._state)
            return self._session

    def _session_of(self, iterator: EpochIterator, place: Place) -> Session:
        """Return the session that an iterator reads from.

        The newest iterator has the loader's own. An older one that is continued, as
        in nested loops over one loader, gets another one until it ends.
        """
        self._check_open()
        if self._owner is not None and self._owner() is iterator:
            return self._main_session(place)
        if iterator.session is None or iterator.session.closed:
            iterator.session = self._open(place, self._state)
        return iterator.session

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    # -- the end ----------------------------------------------------------

    def close(self) -> None:
        """End the loader: a thread that waits for a batch gets an error. Batches at hand
        stay valid. Called by ``with`` and at the end of the program."""
        self._closed = True
        # Without the lock: a thread that opens a session may hold it for seconds.
        self._drop_session()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidError("the loader is closed", hint="make a new one, or close it later")

    # What a pickled loader carries.
    _kept: Tuple[str, ...] = (
        "_request",
        "_sequences",
        "_progress",
        "_rank",
        "_world_size",
        "_state",
        "_next",
        "_cursor",
    )

    def __getstate__(self) -> Dict[str, Any]:
        return {name: getattr(self, name) for name in self._kept}

    def __setstate__(self, kept: Dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._setup(self._next, self._cursor)

    def renew_lock(self) -> None:
        """After a fork: the lock may be held by a thread that the child does not have."""
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        plan = self._request["plan"]
        return (
            f"<stoker.{type(self).__name__} {Path(self._request['dataset']).name}, "
            f"batch size {plan['batch_size']}, rank {self._rank} of {self._world_size}, epoch {self._next[0]}>"
        )


def _whole(name: str, value: Any) -> int:
    """Return a whole number as a plain ``int``: numpy's travel neither by JSON nor in states."""
    try:
        return operator.index(value)
    except TypeError:
        raise InvalidError(f"{name} is {value!r}, must be a whole number") from None


def _stream(state: Mapping[str, Any]) -> Dict[str, Any]:
    """Return what a state says of the stream, without the place in it."""
    return {name: value for name, value in state.items() if name not in ("epoch", "position", "place")}


def _state_at(state: State, epoch: int, at: At) -> State:
    """Return a state with another place."""
    cleared = {"place": None} if "place" in state else {}
    return {**state, "epoch": epoch, **cleared, **_place.members(at)}


def _operations(
    image: Optional[Transform], transforms: Optional[Sequence[Transform]], flip: Optional[bool]
) -> List[Transform]:
    if transforms is not None:
        if image is not None or flip is not None:
            raise InvalidError("give transforms=[...], or image= and flip=, not both")
        operations = list(transforms)
    else:
        image = RandomResizedCrop(224) if image is None else image
        flip = isinstance(image, RandomResizedCrop) if flip is None else flip
        operations = [image, HorizontalFlip()] if flip else [image]
    if isinstance(image, (list, tuple)):
        raise InvalidError(f"image={image!r} is a list", hint="the whole list of operations is transforms=[...]")
    for operation in operations:
        if not isinstance(operation, Transform):
            raise InvalidError(
                f"{operation!r} is not a transform of Stoker",
                hint="the engine knows the classes of stoker.transforms; others may work on the batches",
            )
    return operations


atexit.register(_session.close_all)
