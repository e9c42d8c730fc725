"""What the sampler does when it is asked to: the delay test, and the headspace.

The delay test slows the producers of the batches a little in alternating blocks
of steps and sees whether the step time follows. The training stays correct; it
is longer by the delays that were on its critical path. The delay is of the same
kind as the work it is added to: as much computing, as much waiting.

The headspace replays batches instead of loading them, so that what is trained is
worthless: only for runs that are thrown away, and only on request through the
environment.
"""

import os
import sys
import time

CONTROL = "control.json"
SHARED = "delay"  # 16 bytes that the training process writes and its workers read
LOOK_EVERY = 1.0
WORKERS_READY = 2.5  # seconds from the order to the first block: workers look once a second
SLOTS = 16
BLOCK = 4  # steps of a block that count
CACHED = 8  # batches that the headspace replays
REPLAYED = 100


class Control:
    """Orders to this process."""

    def __init__(self, directory, clock):
        self.directory = directory
        self.clock = clock
        self.slowed = False  # fetchers carry the delay
        self.shared = None
        self.headspace = Headspace.ordered(os.environ.get("STOKER_HEADSPACE", ""))
        self.reset()

    def reset(self):
        """A new process: an order that runs is the parent's."""
        self.next_look = 0.0
        self.seen = None
        self.test = None
        self.refused = None
        self.clock.order = None
        self.clock.replay = self.headspace

    def look(self):
        """See about once a second whether there is an order."""
        now = time.monotonic()
        if now < self.next_look:
            return
        self.next_look = now + LOOK_EVERY
        path = self.directory + "/" + CONTROL
        try:
            stamp = os.stat(path).st_mtime_ns
        except OSError:
            self.clock.order = None  # withdrawn, or there was none
            if self.test is not None:
                self.test.withdraw()
            return
        if stamp == self.seen:
            self._slow_the_fetchers()
            return
        with open(path) as f:
            order = _flat(f.read(4096))
        self.seen = stamp
        if order.get("delay", 0) > 0:
            self._map()
            self._slow_the_fetchers()
            self.test = DelayTest(order, self.shared, self.clock)
            self.clock.order = self.test

    def _map(self):
        """Map the bytes that all processes of the run share."""
        if self.shared is not None:
            return
        import mmap

        fd = os.open(self.directory + "/" + SHARED, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(fd, SLOTS)
            self.shared = Shared(mmap.mmap(fd, SLOTS))
        finally:
            os.close(fd)

    def _slow_the_fetchers(self):
        """Let torch's fetchers, which run where the batches are made, add the delay."""
        fetch = sys.modules.get("torch.utils.data._utils.fetch")
        if self.slowed or fetch is None or self.shared is None:
            return
        self.slowed = True
        for cls in (fetch._MapDatasetFetcher, fetch._IterableDatasetFetcher):
            cls.fetch = _slowed(cls.fetch, self.shared)

    def delay_report(self):
        return self.test.report() if self.test is not None and self.test.pipe is not None else None

    def headspace_report(self):
        return self.headspace.report() if self.headspace is not None else None


class Shared:
    """The delay of one batch in seconds, read and written by several processes."""

    def __init__(self, memory):
        self.memory = memory

    def set(self, seconds):
        self.memory[:SLOTS] = b"%016d" % int(seconds * 1e9)

    def get(self):
        text = self.memory[:SLOTS]
        return int(text) * 1e-9 if text.isdigit() else 0.0

    def slow(self, produce, *args, **kwargs):
        """Produce a batch, and take longer by the delay, in the same way."""
        begun, cpu = time.perf_counter(), time.thread_time()
        batch = produce(*args, **kwargs)
        delay = self.get()
        if delay > 0:
            computed = (time.thread_time() - cpu) / max(1e-9, time.perf_counter() - begun)
            linger(delay, min(1.0, computed))
        return batch


def _slowed(original, shared):
    """Make a fetcher take longer by the delay that is ordered."""

    def fetch(self, *args, **kwargs):
        return shared.slow(original, self, *args, **kwargs)

    fetch.__wrapped__ = original
    return fetch


def linger(seconds, computing):
    """Take so many seconds, of which a share is spent computing."""
    end = time.perf_counter() + seconds
    busy = time.thread_time() + seconds * computing
    while time.thread_time() < busy and time.perf_counter() < end:
        pass
    time.sleep(max(0.0, end - time.perf_counter()))


class InNext:
    """Slows next() itself."""

    def __init__(self, shared):
        self.shared = shared

    def next(self, iterator, original):
        """Hand out a batch in the place of the iterator."""
        return self.shared.slow(original, iterator)


class DelayTest:
    """One delay test, told of every step of the training."""

    def __init__(self, order, shared, clock):
        self.id = int(order.get("id", 0))
        self.share = min(1.0, order.get("delay", 0.25))
        self.most = int(order.get("steps", 240))
        self.random = int(order.get("seed", 1)) | 1
        self.shared = shared
        self.clock = clock
        self.begins = time.perf_counter() + WORKERS_READY
        self.pipe = None
        self.state = "running"
        self.blocks = []
        self.left = self.skip = self.used = 0
        self.pair = []

    def step(self, pipe, seconds):
        """Count a step of pipe, which took seconds."""
        if self.state != "running" or time.perf_counter() < self.begins:
            return
        if self.pipe is None:
            if pipe.steps().count < 3 or any(p.batches > 2 * pipe.batches for p in self.clock.pipes.values()):
                return
            self._begin(pipe)
        elif pipe is self.pipe:
            self._count(seconds)

    def _begin(self, pipe):
        self.pipe = pipe
        kind, workers = pipe.facts["kind"], pipe.facts.get("workers", 0)
        self.lanes = max(1, workers)
        if kind in ("datasets", "webdataset") or (kind == "keras" and workers <= 1):
            self.lanes = 1
            self.clock.replay = InNext(self.shared)  # there is nothing beside next() that produces
        elif kind != "torch":
            self.state = "refused: the producers of a %s pipeline cannot be slowed down from here" % kind
            return
        newest = sorted(s for s, _ in list(pipe.steps().fresh)) or [pipe.steps().seconds / pipe.steps().count]
        self.added = max(0.001, self.share * newest[len(newest) // 2])
        # Batches of several workers come in bunches: a block is whole rounds of them.
        # The first steps of a block still get batches from the block before.
        self.length = min(32, max(BLOCK, -(-BLOCK // self.lanes) * self.lanes))
        self.lead = 2 if workers else 1
        self._next_block()

    def _count(self, seconds):
        self.left -= 1
        if self.skip > 0:
            self.skip -= 1
        else:
            block = self.blocks[-1]
            block["steps"] += 1
            block["seconds"] += seconds
            block["squares"] += seconds * seconds
            self.used += 1
        if self.left > 0:
            return
        if self.used >= self.most and not self.pair:
            self.shared.set(0.0)
            self.state = "done"
            return
        self._next_block()

    def _next_block(self):
        """Begin a block: of each pair one is delayed, in random order."""
        if not self.pair:
            self.random = (self.random * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
            self.pair = [True, False] if self.random >> 63 else [False, True]
        delayed = self.pair.pop()
        changes = not self.blocks or self.blocks[-1]["delayed"] != delayed
        self.skip = self.lead if changes else 0
        self.left = self.length + self.skip
        self.blocks.append(
            {"steps": 0, "delayed": delayed, "added": self.added if delayed else 0.0, "seconds": 0.0, "squares": 0.0}
        )
        self.shared.set(self.added * self.lanes if delayed else 0.0)

    def withdraw(self):
        """End it early: who ordered it has gone."""
        if self.state == "running":
            self.state = "withdrawn"
            self.shared.set(0.0)

    def report(self):
        return {"id": self.id, "state": self.state, "blocks": [dict(b) for b in self.blocks]}


class Headspace:
    """Replays batches after the first ones, then ends the process."""

    @staticmethod
    def ordered(text):
        """Read "N" or "N:M": N batches as they are, then M replayed ones."""
        real, _, replayed = text.partition(":")
        if not real.isdigit() or (replayed and not replayed.isdigit()):
            return None
        return Headspace(int(real), int(replayed or REPLAYED))

    def __init__(self, real, replayed):
        self.wanted = (real, replayed)
        self.cache = []
        self.moments = ([0, 0.0, 0.0], [0, 0.0, 0.0])
        self.last = None
        self.handed = 0

    def next(self, iterator, original):
        """Hand out a batch in the place of the iterator."""
        now = time.perf_counter()
        real, replayed = self.wanted
        if self.last is not None and self.handed > 5:
            self._count(self.moments[self.handed > real], now - self.last)
        self.last = now
        self.handed += 1
        if self.handed > real + replayed:
            raise SystemExit(0)
        if self.handed > real and self.cache:
            if self.handed <= real + 2:
                self.last = None  # the change
            return self.cache[self.handed % len(self.cache)]
        batch = original(iterator)
        self.cache = [*self.cache[-CACHED + 1 :], batch]
        return batch

    @staticmethod
    def _count(moments, seconds):
        moments[0] += 1
        moments[1] += seconds
        moments[2] += seconds * seconds

    def report(self):
        real, replayed = self.wanted
        state = "collecting" if self.handed <= real else "replaying" if self.handed <= real + replayed else "done"
        real, replayed = ({"n": n, "sum": s, "sum_sq": q} for n, s, q in self.moments)
        return {"state": state, "real": real, "replayed": replayed}


def _flat(text):
    """Read a JSON object of numbers: Stoker writes it; the module json may be the user's own."""
    order = {}
    for item in text.strip().strip("{}").split(","):
        name, _, value = item.partition(":")
        try:
            order[name.strip().strip('"')] = float(value)
        except ValueError:
            pass
    return order
