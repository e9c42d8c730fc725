"""The sampler of one process: its thread, and what happens to it at a fork.

The thread must not be there while the process forks. From Python 3.12 on a fork
in a process with several threads warns, which ``-W error`` makes an exception in
the user's code; and a thread that holds a lock in the moment of the fork leaves
it locked for ever in the child. So it is ended before each fork, down to the
system's thread, and started again in parent and child.
"""

import _signal  # not signal: that imports enum, which is most of what a start would cost
import _thread
import os
import sys
import time

from . import classify, clock, control, frameworks, looks, report

_start_thread = _thread.start_new_thread  # as they are now: gevent and others replace them
_new_lock = _thread.allocate_lock
_sleep = time.sleep

REPORT_EVERY = 2.0  # seconds
FIRST_REPORT = 0.7  # a worker may live for one short epoch only
WORTH_A_REPORT = 1.0  # seconds of life: shorter processes are tools
COUNTS_THREADS = sys.version_info >= (3, 12)  # a fork does
GONE = 0.05  # seconds within which a thread that returned is gone
STOPPED = 1.0  # seconds that a fork waits for it


class Probe:
    """The sampler of this process. Only its thread and the fork hooks use it."""

    def __init__(self, directory):
        self.directory = directory
        self.off = ""
        self.thread = None  # (wake, done, native id as a list)
        self.classifier = classify.Classifier()
        self.clock = clock.Clock(_thread.get_ident())
        self.clock.on_fail = self.fail
        self.frameworks = frameworks.Frameworks(self.clock)
        self.control = control.Control(directory, self.clock)
        self.reset()

    def reset(self):
        """Begin to count: a new process. What was put around iterators stays."""
        self.pid = os.getpid()
        self.started = time.time()
        self.clock.reset(_thread.get_ident())
        self.control.reset()
        self.classifier.worker = False
        self.looks = looks.Looks(self.classifier, _thread.get_ident())
        self.spent = self.reported = 0.0
        self.next_report = time.monotonic() + FIRST_REPORT
        self.report = report.Writer(self)

    def begin(self):
        """Start the thread, and never raise."""
        if self.off or self.thread is not None:
            return
        wake, done = _new_lock(), _new_lock()
        wake.acquire()
        done.acquire()
        self.thread = (wake, done, [])
        try:
            _start_thread(self.run, self.thread)
        except Exception as err:  # no more threads allowed
            self.thread = None
            self.fail(err)

    def run(self, wake, done, native):
        """Look at random moments until woken."""
        try:
            native.append(_thread.get_native_id())
            _block_signals()
            while not self.off:
                due = time.monotonic() + self.looks.pause()
                if wake.acquire(True, max(0.0, due - time.monotonic())):
                    return
                self.look(time.monotonic() - due)
        except Exception as err:
            self.fail(err)
        finally:
            self.looks.close()
            done.release()

    def look(self, late):
        """Look once; late says by how many seconds too late."""
        begun = time.thread_time()
        self.looks.look(late)
        self.frameworks.look()
        self.control.look()
        spent = time.thread_time() - begun
        self.looks.cost(spent)
        now = time.monotonic()
        if now >= self.next_report and (now >= self.reported + REPORT_EVERY):
            self.reported = now
            self.report.write()
            took = time.thread_time() - begun - spent
            self.next_report = now + _report_pause(time.time() - self.started, took, time.monotonic() - now - took)
        self.spent += time.thread_time() - begun

    def halt(self):
        """End the thread and wait until it is gone."""
        if self.thread is None:
            return
        wake, done, native = self.thread
        self.thread = None
        wake.release()
        if not done.acquire(True, STOPPED) or not COUNTS_THREADS or not native:
            return
        task, deadline = "/proc/self/task/%d" % native[0], time.monotonic() + GONE
        while os.path.exists(task) and time.monotonic() < deadline:
            _sleep(2e-5)

    def before_fork(self):
        try:
            self.halt()
        except Exception as err:
            self.fail(err)

    def after_fork(self):
        self.begin()

    def after_fork_in_child(self):
        try:
            self.thread = None
            self.reset()
            self.looks.mean = self.looks.least = looks.WORKER_PAUSE  # until it turns out to train
            self.begin()
        except Exception as err:
            self.fail(err)

    def finish(self):
        """Write the last report; called at the exit."""
        try:
            self.halt()
            if self.pid == os.getpid() and (
                self.off or self.clock.pipes or time.time() - self.started >= WORTH_A_REPORT
            ):
                self.report.write()
        except Exception:
            pass

    def fail(self, err):
        """Switch off for good and say why."""
        self.off = "%s: %s" % (type(err).__name__, err)
        self.clock.stop()
        try:
            self.report.write()
        except Exception:
            pass


def _report_pause(age, took, waited):
    """Return the seconds to the next report of a process so old.

    A report that took much processor time, or was slow to store, comes less often. But one may only seem so because
    it met the imports, and a short run is to have another before it ends.
    """
    return max(REPORT_EVERY, min(max(took / looks.REPORT_SHARE, 50 * waited), age / 2))


def _block_signals():
    """Leave the process's signals to its other threads, but for faults of this one."""
    faults = (_signal.SIGSEGV, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL, _signal.SIGABRT)
    _signal.pthread_sigmask(_signal.SIG_BLOCK, set(_signal.valid_signals()).difference(faults))
