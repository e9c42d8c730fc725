"""Random-interval looks at the main thread's stack.

The pauses are exponential: fixed ones would beat against the training step. A
look can only happen when this thread gets the interpreter's lock. Where a C
function holds it for long, looks come late and there are fewer of them, so that
such functions would seem cheaper than they are. Therefore a look weighs
``1 + late / mean pause``: the time since it was due belongs to what it then
finds, which is the caller of that function. In expectation each function's
weight is then its share of the time, whatever holds the lock.

One thing more: a look that had to wait for the lock and then finds the main
thread waiting has come just too late. When it was due, the main thread held the
lock, so it was running something, and began to wait only then. What it ran is not
known; the weight goes to the running classes in their proportion. Without this,
30 ms of Python between waits of 20 ms read 46 % instead of 60 %. Whether a look
was late for the lock, or only for want of a free core, the kernel's account of
this thread says.
"""

import os
import sys
import time
from math import log

MEAN_PAUSE = 0.05  # seconds, in a process that trains
CLOCKED_PAUSE = 0.1  # where every step is timed
WORKER_PAUSE = 0.2  # there may be many workers, and one is like the other
ENOUGH = 200  # looks: a run's mean pause grows with its age, to age / ENOUGH
AGED_PAUSE = 0.5  # but no further: orders are seen at looks
MAX_PAUSE = 2.0
LOOK_SHARE = 0.002  # of the time that looks may cost, switching threads included
REPORT_SHARE = 0.0005
USUAL_LOOK = 4e-5  # seconds, before it is measured
SWITCHES = 2  # a look makes the main thread wait this many times as long as it computes
MAX_FUNCTIONS = 4096
FD_EVERY = 1.0
MAX_FDS = 64
MAX_DIRS = 200

DATA = ("data_wait", "data_work")
WAITING = ("data_wait", "other", "idle")
FOR_THE_LOCK = 0.0005  # seconds


class Looks:
    """What the looks of one process found."""

    def __init__(self, classifier, main):
        self.classifier = classifier
        self.main = main
        self.count = 0
        self.began = time.monotonic()
        self.by_class = {}
        self.unplaced = 0.0  # weight of looks that came too late: the main thread ran something
        self.account = -1
        self.queued = 0  # nanoseconds that this thread has waited for a core
        self.loop = {}
        self.since = None  # classes since the last look that saw data; None before the first
        self.by_kind = {}
        self.functions = {}  # code -> [weight, line, class]
        self.dirs = {}
        self.mean = MEAN_PAUSE
        self.least = MEAN_PAUSE
        self.each = USUAL_LOOK
        self.next_fds = time.monotonic() + FD_EVERY
        self.random = int.from_bytes(os.urandom(8), "little") | 1  # the script's generators stay untouched

    def pause(self):
        """Draw the time until the next look."""
        x = self.random  # xorshift64*
        x ^= x >> 12
        x = (x ^ x << 25) & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 27
        self.random = x
        share = ((x * 0x2545F4914F6CDD1D & 0xFFFFFFFFFFFFFFFF) >> 11) * 2.0**-53
        return min(-log(1.0 - share) * self.mean, 8 * self.mean)

    def cost(self, seconds):
        """Lengthen the pauses where a look costs more than its share, and as the run grows old."""
        # A single dear look, which learns new functions, is no reason to look less.
        self.each += 0.1 * (min(seconds, 3 * self.each) - self.each)
        aged = min(AGED_PAUSE, (time.monotonic() - self.began) / ENOUGH)
        self.mean = min(MAX_PAUSE, max(self.least, SWITCHES * self.each / LOOK_SHARE, aged))

    def look(self, late):
        """Look at the main thread; late is by how many seconds too late."""
        frame = sys._current_frames().get(self.main)
        if frame is None:
            return
        seen = self.classifier.see(frame)
        del frame
        if seen is None:
            return
        cls, kind, code, line = seen
        queued = self._queued()
        missed = cls in WAITING and late - queued > FOR_THE_LOCK
        weight = 1.0 + min(late, 60.0) / self.mean
        # Pauses change in length; what counts is the time that a look stands for.
        weight *= self.mean / MEAN_PAUSE
        self.count += 1
        if missed:
            self.unplaced += weight
            return
        self.by_class[cls] = self.by_class.get(cls, 0.0) + weight
        self._in_loop(cls, weight)
        if kind:
            self.by_kind[kind] = self.by_kind.get(kind, 0.0) + weight
        top = self.functions.get(code)
        if top is None:
            if len(self.functions) >= MAX_FUNCTIONS:
                return
            top = self.functions[code] = [0.0, 0, cls]
        top[0] += weight
        top[1], top[2] = line, cls
        if (kind or cls in DATA) and time.monotonic() >= self.next_fds:
            self.next_fds = time.monotonic() + FD_EVERY
            self._look_at_files()

    def _queued(self):
        """Return the seconds that this thread waited for a core since the last look."""
        try:
            now = int(os.pread(self.account, 64, 0).split()[1])
        except (OSError, ValueError, IndexError):
            self.account = _open_account()  # the first time, or the script closed all files
            return 0.0
        queued, self.queued = now - self.queued, now
        return queued * 1e-9 if queued > 0 else 0.0

    def close(self):
        """The thread ends: its account ends with it."""
        if self.account >= 0:
            account, self.account = self.account, -1
            try:
                # The script may have closed it, and have a file of its own there.
                if os.readlink("/proc/self/fd/%d" % account).endswith("/schedstat"):
                    os.close(account)
            except OSError:
                pass

    def placed(self, classes):
        """Return classes with the looks that came too late added to those that run."""
        running = sum(w for c, w in classes.items() if c not in WAITING)
        total = sum(w for c, w in self.by_class.items() if c not in WAITING)
        if running == 0.0:
            return dict(classes)
        more = 1.0 + self.unplaced / total
        return {c: w if c in WAITING else w * more for c, w in classes.items()}

    def _in_loop(self, cls, weight):
        """Keep apart what lies between the first and the last sight of data."""
        if cls in DATA:
            if self.since is not None:
                for name, w in self.since.items():
                    self.loop[name] = self.loop.get(name, 0.0) + w
            self.since = {}
            self.loop[cls] = self.loop.get(cls, 0.0) + weight
        elif self.since is not None:
            self.since[cls] = self.since.get(cls, 0.0) + weight

    def _look_at_files(self):
        """Note in which directories files are open for reading."""
        try:
            fds = os.listdir("/proc/self/fd")
        except OSError:
            self.next_fds = float("inf")  # no /proc here
            return
        for fd in fds[-MAX_FDS:]:
            try:
                path = os.readlink("/proc/self/fd/" + fd)
                if not _is_data(path) or not _read_only(fd):
                    continue
            except (OSError, ValueError):
                continue
            where = os.path.dirname(path)
            if where in self.dirs or len(self.dirs) < MAX_DIRS:
                self.dirs[where] = self.dirs.get(where, 0) + 1


def _open_account():
    """Open the kernel's account of this thread; -1 where there is none.

    It stays open, because opening costs as much as the whole look.
    """
    try:
        return os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _is_data(path):
    if not path.startswith("/") or path.startswith(
        ("/dev/", "/proc/", "/sys/", "/memfd:", sys.prefix, sys.base_prefix)
    ):
        return False
    return not path.endswith((".py", ".pyc", ".so", ".log", ".ipynb", " (deleted)"))


def _read_only(fd):
    with open("/proc/self/fdinfo/" + fd) as info:
        for line in info:
            if line.startswith("flags:"):
                return int(line[6:], 8) & 3 == 0
    return False
