"""Writes what the sampler knows to PROBE/PID.json, whole or not at all."""

import os
import sys
import time
from _collections import deque

from .clock import KEPT
from .looks import CLOCKED_PAUSE, MEAN_PAUSE, WORKER_PAUSE

VERSION = 1
TRAINS = (  # who imports one of these may train
    "torch",
    "torchvision",
    "tensorflow",
    "keras",
    "tf_keras",
    "jax",
    "flax",
    "datasets",
    "transformers",
    "accelerate",
    "lightning",
    "pytorch_lightning",
    "grain",
    "webdataset",
    "timm",
    "fastai",
)
FRAMEWORKS = (  # whose versions are told
    *TRAINS,
    "stoker",
    "PIL",
    "cv2",
    "albumentations",
    "tokenizers",
    "numpy",
    "xgboost",
    "sklearn",
)
TOP = 20
MAX_REPORTS = 256  # in one directory; the oldest of ended processes give way


class Writer:
    """The report of one process."""

    def __init__(self, probe):
        self.probe = probe
        self.recent = deque(maxlen=KEPT)  # the same steps as numbers
        self.lines = deque(maxlen=KEPT)  # and as text
        self.series = None
        self.made_room = False

    def write(self):
        """Replace the report."""
        p = self.probe
        if not self.made_room:
            self.made_room = True
            _make_room(p.directory)
        text = _json(self.collect())
        path = "%s/%d.json" % (p.directory, p.pid)
        part = path + ".part"
        with open(part, "w", encoding="utf-8", errors="backslashreplace") as f:  # lone surrogates: \udc80
            f.write(text)
        os.replace(part, path)

    def collect(self):
        """Return the report as a dictionary; see package sampler, type Report."""
        p, now = self.probe, time.time()
        training = self._training()
        role = self._role(training)
        p.looks.least = _pause(role, training)
        alive = max(1e-3, now - p.started)
        return {
            "version": VERSION,
            "pid": p.pid,
            "parent": os.getppid(),
            "role": role,
            "python": "%d.%d.%d" % sys.version_info[:3],
            "packages": _packages(),
            "started": p.started,
            "updated": now,
            "loaders": [_loader(pipe, pipe is training) for pipe in list(p.clock.pipes.values())],
            "steps": self._steps(training),
            "stacks": self._stacks(),
            "delay": p.control.delay_report(),
            "headspace": p.control.headspace_report(),
            "overhead": p.spent / alive,
            "files": [{"dir": d, "seen": n} for d, n in sorted(p.looks.dirs.items(), key=lambda x: -x[1])[:20]],
            "off": p.off,
            "notes": self._notes(training),
        }

    def _training(self):
        """Return the pipe with the most steps: the others validate."""
        pipes = list(self.probe.clock.pipes.values())
        best = max(pipes, key=lambda pipe: pipe.steps().count, default=None)
        return best if best is not None and best.batches > 1 else None

    def _role(self, training):
        if training is not None:
            return "main"
        parent = sys.modules.get("multiprocessing.process")
        if self.probe.looks.classifier.worker or (parent is not None and parent.parent_process() is not None):
            return "worker"
        return "main" if any(name in sys.modules for name in TRAINS) else "other"

    def _steps(self, training):
        if training is None:
            return {"count": 0}
        series = training.steps()
        if series is not self.series:  # only at first, or when mixed steps outnumber the others
            self.series = series
            self.recent.clear()
            self.lines.clear()
        while series.fresh:
            step = series.fresh.popleft()
            self.recent.append(step)
            self.lines.append("[%.6g,%.6g]" % step)
        seconds = sorted(s for s, _ in self.recent)
        knows = training.knows_wait
        waits = sorted(w for _, w in self.recent) if knows else []
        others = [pipe for pipe in self.probe.clock.pipes.values() if pipe is not training]
        shift = time.time() - time.perf_counter() - self.probe.started
        return {
            "count": series.count,
            "seconds": {"n": series.count, "sum": series.seconds, "sum_sq": series.seconds2},
            "wait": {"n": series.count if knows else 0, "sum": series.wait, "sum_sq": series.wait2},
            "hidden": self.probe.clock.hidden,
            "unsure": self.probe.clock.unsure,
            "median": _quantile(seconds, 0.5),
            "p95": _quantile(seconds, 0.95),
            "wait_median": _quantile(waits, 0.5),
            "recent": _Raw("[" + ",".join(self.lines) + "]"),
            "batch_size": training.facts.get("batch_size", 0),
            "validation": sum(pipe.span for pipe in others),
            "validations": sum(pipe.starts for pipe in others),
            "epochs": [[begin + shift, end + shift] for begin, end in list(training.epochs)],
        }

    def _stacks(self):
        looks = self.probe.looks
        top = sorted(looks.functions.items(), key=lambda x: -x[1][0])[:TOP]
        return {
            "looks": looks.count,
            "seconds": time.monotonic() - looks.began,
            "by_class": looks.placed(looks.by_class),
            "loop": looks.placed(looks.loop),
            "work_by_kind": dict(looks.by_kind),
            "top": [
                {
                    "module": _short(code.co_filename),
                    "function": code.co_name,
                    "line": line,
                    "class": cls,
                    "weight": weight,
                }
                for code, (weight, line, cls) in top
            ],
        }

    def _notes(self, training):
        p, notes = self.probe, []
        if p.clock.device is not None:
            notes.append(
                "a wait counts only while the device has nothing queued, as far as can be asked without waiting for it"
            )
        elif "torch_xla" in sys.modules or "cupy" in sys.modules:
            notes.append("the device works asynchronously: part of the waits may be hidden behind its work")
        if p.clock.quick:
            notes.append("the steps are too short to time every one: only the first ones were")
        if p.clock.elsewhere:
            notes.append("a loader is read by a thread of its own: its waits are not the script's")
        if training is not None and not training.knows_wait:
            notes.append("batches are fetched inside TensorFlow's compiled step: the wait cannot be seen from Python")
        return notes


class _Raw(str):
    """JSON already."""


def _pause(role, training):
    """Return the mean pause between looks: rarer where clocks tell more than looks can."""
    if role == "worker":
        return WORKER_PAUSE
    return CLOCKED_PAUSE if training is not None and training.steps().count >= 50 else MEAN_PAUSE


def _loader(pipe, training):
    facts = pipe.facts
    return {
        "kind": facts["kind"],
        "batch_size": facts.get("batch_size", 0),
        "workers": facts.get("workers", -1),
        "prefetch": facts.get("prefetch", -1),
        "threads": facts.get("threads", -1),
        "dataset": facts.get("dataset", ""),
        "root": facts.get("root", ""),
        "order": facts.get("order", ""),
        "pinned": facts.get("pinned", False),
        "persistent": facts.get("persistent", False),
        "transforms": facts.get("transforms", []),
        "length": facts.get("length", -1),
        "training": training,
        "batches": pipe.batches,
        "wait": pipe.wait,
        "wait_squared": pipe.wait2,
        "ready": pipe.ready / pipe.asked if pipe.asked else -1,
        "starts": pipe.starts,
        "start_seconds": pipe.start_seconds,
    }


def _packages():
    found = {}
    for name in FRAMEWORKS:
        module = sys.modules.get(name)
        if module is not None:
            version = getattr(module, "__dict__", {}).get("__version__", "")
            found[name] = version[:40] if isinstance(version, str) else ""
    return found


def _short(path):
    """Return the last parts of a path: enough to know the module by."""
    parts = path.replace("\\", "/").split("/")
    for mark in ("site-packages", "dist-packages"):
        if mark in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(mark) :])
    return "/".join(parts[-2:])


def _quantile(values, q):
    return values[min(len(values) - 1, int(q * len(values)))] if values else 0.0


def _make_room(directory):
    """Remove reports of processes that ended long ago: workers come and go with each epoch."""
    names = [n for n in os.listdir(directory) if n.endswith(".json") and n[:-5].isdigit()]
    if len(names) < MAX_REPORTS:
        return
    gone = [n for n in names if not os.path.exists("/proc/" + n[:-5])]
    gone.sort(key=lambda n: os.stat(os.path.join(directory, n)).st_mtime)
    for name in gone[: len(names) - MAX_REPORTS // 2]:
        with open(os.path.join(directory, name)) as f:
            if '"role":"worker"' in f.read(4096):
                os.unlink(os.path.join(directory, name))


ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", **{c: "\\u%04x" % c for c in range(32)}}


def _json(value):
    """Encode; the module json may be the user's own by now."""
    if isinstance(value, _Raw):
        return value
    if isinstance(value, str):
        return '"' + value.translate(ESCAPES) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if value - value == 0 else "0"
    if isinstance(value, dict):
        return "{" + ",".join(_json(str(k)) + ":" + _json(v) for k, v in value.items()) + "}"
    return "[" + ",".join(_json(v) for v in value) + "]"
