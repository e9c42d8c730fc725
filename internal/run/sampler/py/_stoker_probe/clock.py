"""Exact step and wait times, from clocks around the iterators of known loaders.

A ``Pipe`` is one input pipeline over all its epochs, a ``Stream`` one iteration
over it. A step lasts from one next() to the following one of the same stream.
All of this runs in the main thread, inside the script's next(): it is short,
takes no lock, and no exception leaves it.
"""

from _collections import deque
from _thread import get_ident
from _weakref import ref
from time import perf_counter

KEPT = 2048  # newest steps
WARM_UP = 5  # first steps of a pipe, which compile and open files
MAX_PIPES = 16
MAX_EPOCHS = 1024
MANY = 200  # steps after which a loader that is too quick to be timed is left alone
QUICK = 0.0005  # seconds


class Series:
    """Steps of one kind: sums, and the newest ones until they are drained."""

    def __init__(self):
        self.count = 0
        self.seconds = self.seconds2 = self.wait = self.wait2 = 0.0
        self.fresh = deque(maxlen=KEPT)

    def add(self, seconds, wait):
        self.count += 1
        self.seconds += seconds
        self.seconds2 += seconds * seconds
        self.wait += wait
        self.wait2 += wait * wait
        self.fresh.append((seconds, wait))


class Pipe:
    """One input pipeline."""

    def __init__(self, facts):
        self.facts = facts
        self.knows_wait = facts.pop("knows_wait", True)
        self.batches = self.starts = self.seen = 0
        self.wait = self.wait2 = self.start_seconds = self.span = 0.0
        self.asked = self.ready = 0
        self.clean = Series()
        self.mixed = Series()  # steps in which another loader was asked too
        self.epochs = []  # begin and end, on the monotonic clock

    def steps(self):
        """Return the series that counts: most steps of a training are alike."""
        return self.mixed if self.mixed.count > self.clean.count else self.clean

    def quick(self):
        """Say whether clocks would show in the steps."""
        return self.clean.count >= MANY and self.clean.seconds < QUICK * self.clean.count


class Stream:
    """One iteration over a pipe."""

    __slots__ = ("begun", "calls", "last", "pipe", "ref", "waited")

    def __init__(self, pipe, of, forget):
        self.pipe = pipe
        self.ref = ref(of, forget)
        self.begun = self.last = None


class Clock:
    """All pipes of the process."""

    def __init__(self, main):
        self.order = None  # a delay test that runs: told of each step
        self.replay = None  # replaces next(), for the headspace
        self.on_fail = None
        self.quick = False  # a loader was too quick to be timed
        self.reset(main)

    def reset(self, main):
        """Begin to count: a new process, whose main thread is main."""
        self.main = main
        self.on = True
        self.device = None  # says whether the device has work queued; see module device
        self.inside = False  # a next() that is timed runs: what it calls is part of it
        self.pipes = {}
        self.streams = {}
        self.begun = {}  # when iter() was called for what is iterated now
        self.calls = 0
        self.waited = 0.0  # in all pipes, as far as it counts
        self.hidden = self.unsure = 0.0
        self.elsewhere = 0  # calls in other threads

    def stop(self):
        """Count no more. The clocks stay around the iterators, and cost a comparison."""
        self.on = False

    # What the clocks around the iterators call.

    def asks(self):
        """Say whether this next() is to be timed."""
        if not self.on or self.inside:
            return False
        if get_ident() != self.main:
            self.elsewhere += 1
            return False
        return True

    def got(self, of, begun, facts, ready, queued):
        """Count a batch that of handed out; begun is when it was asked."""
        now = perf_counter()
        try:
            stream = self.streams.get(id(of))
            if stream is None or stream.ref() is not of:
                stream = self._open(of, facts)
                if stream is None:
                    return
            self._count(stream, begun, now, ready, queued)
        except Exception as err:
            self.fail(err)

    def ended(self, of):
        """Count the end of an iteration."""
        try:
            stream = self.streams.get(id(of))
            if stream is not None and stream.ref() is of and stream.last is not None:
                self._close(stream, perf_counter())
        except Exception as err:
            self.fail(err)

    def starts(self, of, begun):
        """Note that an iteration begins; begun is when iter() was called."""
        if len(self.begun) > 64:
            self.begun.clear()
        self.begun[id(of)] = begun

    def fail(self, err):
        self.stop()
        if self.on_fail is not None:
            self.on_fail(err)

    def _open(self, of, facts):
        """Find or make the pipe and the stream of an iterator."""
        described = facts(of)
        key = tuple(sorted((k, str(v)) for k, v in described.items()))
        pipe = self.pipes.get(key)
        if pipe is None:
            if len(self.pipes) >= MAX_PIPES:
                return None
            pipe = self.pipes[key] = Pipe(described)
        name, streams = id(of), self.streams

        def forget(gone):
            if name in streams and streams[name].ref is gone:
                stream = streams.pop(name)
                if stream.last is not None:  # given up before its end
                    self._end(stream, stream.last)

        stream = self.streams[name] = Stream(pipe, of, forget)
        return stream

    def _count(self, stream, begun, now, ready, queued):
        pipe = stream.pipe
        wait = counts = now - begun
        if queued is not None:
            counts = self._exposed(wait, queued)
            self.hidden += wait - counts
        if stream.last is None:
            # The first of an epoch: what iter() took belongs to it.
            stream.begun = self.begun.pop(id(stream.ref()), begun)
            pipe.starts += 1
            pipe.start_seconds += now - stream.begun
            counts += begun - stream.begun
            begun = stream.begun
        else:
            self._step(stream, begun)
            pipe.wait += wait
            pipe.wait2 += wait * wait
        if ready is not None:
            pipe.asked += 1
            pipe.ready += ready
        pipe.batches += 1
        stream.calls, stream.waited, stream.last = self.calls, self.waited, begun
        self.calls += 1
        self.waited += counts

    def _step(self, stream, now):
        """Count the step that ends now, when the next batch is asked for."""
        pipe = stream.pipe
        pipe.seen += 1
        if pipe.seen <= WARM_UP:
            return
        series = pipe.clean if self.calls == stream.calls + 1 else pipe.mixed
        seconds = now - stream.last
        series.add(seconds, min(seconds, self.waited - stream.waited))
        if self.order is not None:
            self.order.step(pipe, seconds)

    def _close(self, stream, now):
        self._step(stream, now)
        self._end(stream, now)

    @staticmethod
    def _end(stream, now):
        pipe = stream.pipe
        if len(pipe.epochs) < MAX_EPOCHS:
            pipe.epochs.append((stream.begun, now))
        pipe.span += now - stream.begun
        stream.last = None

    def _exposed(self, wait, queued):
        """Return how much of a wait the device had nothing to do in.

        Nothing queued before: all of it, and this is not asked. Still something
        queued after: nothing of it. Else it ran dry at an unknown moment: half.
        """
        if queued():
            return 0.0
        self.unsure += wait / 2
        return wait / 2
