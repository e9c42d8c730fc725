#!/usr/bin/env python3
"""Measure Stoker and its peers on the same photographs and the same job: `make bench-peers`.

    python benchmarks/peers/peers.py [PHOTOS] [--only NAME ...] [--rounds 3] [--seconds 2]

PHOTOS is a folder of class folders with JPEGs; by default that of STOKER_TEST_DATA.
Writes build/peers/results.json, results.md and results.svg. README.md says how each
peer is set up and what is fair.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import environments
import report
from environments import HERE, Missing
from lineup import LINEUP, Entry
from pictures import pictures
from tree import Tree

BUILD = HERE.parents[1] / "build" / "peers"
ANSWER_SECONDS = 120


def main() -> int:
    """Measure, and write what came out."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and end whom we stopped
    options = arguments()
    photos = options.photos
    if not photos.is_dir():
        sys.exit(f"no photographs at {photos}: give their folder (PHOTOS=... or STOKER_TEST_DATA)")
    chosen = [e for e in LINEUP if not options.only or e.module in options.only or e.name in options.only]
    settings = {**vars(options), "photos": len(pictures(photos)), "load_before": os.getloadavg()}
    BUILD.mkdir(parents=True, exist_ok=True)
    runs = []
    for entry in chosen:
        runs.append(Run(entry, options))
        runs[-1].guard(runs[-1].begin)
        if options.prepare_only:
            print(entry.name, runs[-1].result.get("reason", "is ready"), flush=True)
    if options.prepare_only:
        return 0
    results = {"settings": settings, "machine": report.machine(), "peers": [run.result for run in runs]}
    try:
        for _ in phases(runs, options):  # what is known is written, should the rest not come
            settings["load_after"] = os.getloadavg()
            report.write(results, BUILD)
    finally:
        for run in runs:
            run.release()
        for run in runs:
            run.end()
    print((BUILD / "results.md").read_text())
    return 0


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("STOKER_TEST_DATA") or HERE.parents[2] / "shared" / "data") / "photos"
    parser.add_argument("photos", nargs="?", type=Path, default=default)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="modules or names of the line-up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round")
    parser.add_argument("--batch-size", type=int, default=0, help="0: 256, or 64 where there are under 2,000 photographs")
    parser.add_argument("--images", type=int, default=1200, help="fewer photographs are copied until there are so many")
    parser.add_argument("--sim-step", type=float, default=200.0, metavar="MS", help="a trainer's step in the utilisation rounds")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--prepare-only", action="store_true", help="make environments and data, measure nothing")
    options = parser.parse_args()
    if not options.batch_size and options.photos.is_dir():
        options.batch_size = 256 if len(pictures(options.photos)) >= 2000 else 64
    return options


def phases(runs: list[Run], options: argparse.Namespace) -> Iterator[None]:
    """Measure each peer alone, then rounds in which they take turns; yield where something is complete."""
    for run in runs:
        run.guard(run.start)
    for run in runs:
        run.guard(run.await_start)
    for run in runs:
        run.guard(run.alone)
        yield
    for dtype in ("uint8", "float32"):
        for run in runs:
            run.guard(run.open, dtype)
        for number in range(options.rounds):
            for run in runs:
                run.guard(run.round, dtype, number)
            yield
        if dtype == "uint8":
            for run in runs:
                run.guard(run.utilisation)
            yield
        for run in runs:
            run.guard(run.ask, "close")


class Run:
    """One entry of the line-up: its data, its process, its figures."""

    def __init__(self, entry: Entry, options: argparse.Namespace) -> None:
        self.entry, self.options = entry, options
        self.result: dict[str, Any] = {"name": entry.name, "title": entry.title, "settings": entry.settings, "data_is": entry.data}
        self.process: Any = None
        self.failed = False

    def guard(self, phase: Any, *arguments: Any) -> None:
        """Run a phase; what goes wrong becomes the peer's reason, and the others go on."""
        if self.failed:
            return
        try:
            phase(*arguments)
        except (Missing, subprocess.SubprocessError, OSError, ValueError) as err:
            self.failed = True
            self.result["reason"] = str(err)
            print(f"{self.entry.name}: {err}", file=sys.stderr, flush=True)
            self.end()

    def begin(self) -> None:
        """Make environment and data."""
        self.python = environments.make(self.entry.environment, BUILD)
        self.data = {name: self.prepared(name) for name in ("large", "small")}

    def prepared(self, size: str) -> Path:
        """Write the peer's data once, in a folder of their own."""
        tree = photographs(self.options, size)
        key = f"{self.entry.module}-{self.entry.data_key}-{size}-{len(pictures(tree))}"
        out = BUILD / "data" / (key + (".stk" if self.entry.module == "stoker_" else ""))
        if not out.exists():
            begun = time.perf_counter()
            partial = out.with_name("partial-" + out.name)
            remove(partial)
            done = subprocess.run([*self.command("prepare"), str(tree), str(partial)], check=False, capture_output=True, text=True, env=environments.environment(), timeout=600)
            if done.returncode:
                raise Missing("preparing its data failed: " + environments.reason(done.stderr))
            partial.rename(out)
            self.result.setdefault("prepare_s", {})[size] = time.perf_counter() - begun
        self.result.setdefault("bytes", {})[size] = sum(f.stat().st_size for f in files(out))
        return out

    def command(self, verb: str) -> list[str]:
        """Return the command of the peer's process."""
        return [str(self.python), str(HERE / "worker.py"), self.entry.module, self.entry.variant, verb]

    def start(self) -> None:
        """Start the process."""
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process
        self.process = subprocess.Popen(self.command("serve"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environments.environment())
        self.tree = Tree(self.process.pid)

    def await_start(self) -> None:
        """Wait until everything is imported, which is slow and no part of the comparison."""
        self.result.update(self.answer())
        self.tree.pause()

    def alone(self) -> None:
        """Measure cold files, the first batch, memory and the gap between epochs."""
        drop(self.data["large"])
        cold = self.open("uint8")
        self.result["cold_first_s"] = cold["first_s"]
        rest = self.ask("take", batches=self.options.images // self.options.batch_size - 1)
        self.result["cold_images_s"] = (self.options.batch_size + rest["images"]) / (cold["first_s"] + rest["seconds"])
        self.ask("close")
        for name in ("large", "small"):
            warm(self.data[name])
        seen = self.open("uint8")
        self.result.update(first_s=seen["first_s"], mean=seen["mean"], deviation=seen["deviation"])
        with self.watched() as peak:
            self.ask("round", seconds=self.options.seconds, step=0)
        self.result["memory"] = peak
        self.open("uint8", data="small")
        gaps = self.ask("gap", epochs=4, step=0.05)["gaps"]
        self.result["gap_s"] = statistics.median(gaps)
        self.ask("close")
        self.tree.pause()
        print(f"{self.entry.name}: first batch {seen['first_s']:.2f} s", flush=True)

    def open(self, dtype: str, data: str = "large") -> Any:
        """Make a loader for a job."""
        return self.ask("open", data=str(self.data[data]), batch_size=self.options.batch_size, dtype=dtype, workers=self.entry.workers(self.options.workers))

    def round(self, dtype: str, number: int) -> None:
        """Measure one round, from when nothing lies ready any more."""
        self.ask("drain", stay=True)
        before = self.tree.cpu_seconds()
        got = self.ask("round", seconds=self.options.seconds, step=0, stay=True)
        cpu = self.tree.cpu_seconds() - before
        self.tree.pause()
        rounds = self.result.setdefault(dtype, {"images_s": [], "cpu_s": []})
        rounds["images_s"].append(got["images"] / got["seconds"])
        rounds["cpu_s"].append(cpu / got["images"])
        print(f"{self.entry.name:24} {dtype:8} round {number + 1}: {rounds['images_s'][-1]:8.0f} images/s {1e3 * rounds['cpu_s'][-1]:7.2f} ms CPU", flush=True)

    def utilisation(self) -> None:
        """Play a trainer with a fixed step; the share of the time that it works."""
        self.ask("drain", stay=True)
        got = self.ask("round", seconds=2 * self.options.seconds, step=self.options.sim_step / 1e3)
        self.result["utilisation"] = got["busy"] / got["seconds"]

    def ask(self, do: str, stay: bool = False, **values: Any) -> Any:
        """Let the process do something; unless it is to stay, stop it afterwards."""
        self.tree.go_on()
        self.process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self.process.stdin.flush()
        got = self.answer()
        self.tree.others = got.pop("others", self.tree.others)
        if not stay:
            self.tree.pause()
        return got

    def answer(self) -> Any:
        """Wait for a line; a process that ended or hangs is the peer's failure."""
        ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_SECONDS)
        line = self.process.stdout.readline() if ready else None
        if not line:
            self.log.seek(0)
            raise Missing(f"no answer within {ANSWER_SECONDS} s" if line is None else environments.reason(self.log.read()))
        return json.loads(line)

    @contextmanager
    def watched(self) -> Iterator[dict[str, int]]:
        """Note the most memory meanwhile."""
        peak = {"pss": 0, "held": 0}
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.25):
                for key, value in self.tree.memory().items():
                    peak[key] = max(peak[key], value)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield peak
        finally:
            over.set()
            thread.join()

    def release(self) -> None:
        """Let the process end by itself, which takes its time."""
        if self.process is not None:
            self.ending = self.tree.pids()
            self.tree.go_on()
            self.process.stdin.close()

    def end(self) -> None:
        """End the process and what it started."""
        if self.process is None:
            return
        if not self.process.stdin.closed:
            self.release()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        for pid in self.ending:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None


def photographs(options: argparse.Namespace, size: str) -> Path:
    """Return a folder of class folders: `small` with four batches, `large` with at least --images."""
    found = pictures(options.photos)
    count = 4 * options.batch_size if size == "small" else max(options.images, len(found))
    out = BUILD / "data" / f"photos-{size}-{count}"
    if not out.exists():
        partial = out.with_name("partial-" + out.name)
        remove(partial)
        for i in range(count):
            path = found[i % len(found)][0]
            place = partial / path.parent.name / f"{i // len(found)}-{path.name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        partial.rename(out)
    return out


def files(place: Path) -> list[Path]:
    """Return a data set's files."""
    place = place.resolve()
    return [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]


def warm(place: Path) -> None:
    """Read files into the page cache."""
    for path in files(place):
        path.read_bytes()


def drop(place: Path) -> None:
    """Let the system forget files, once they are written back."""
    for path in files(place):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def remove(place: Path) -> None:
    """Remove a file or a folder that may be there."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    elif place.is_symlink() or place.exists():
        place.unlink()


if __name__ == "__main__":
    sys.exit(main())
