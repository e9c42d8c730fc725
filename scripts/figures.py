#!/usr/bin/env python3
"""Measure what the Python side promises, on real photographs.

    python scripts/figures.py PHOTOS [--json FILE] [--only NAME ...] [--long]

PHOTOS is a folder of class folders with photographs; by default that of
STOKER_TEST_DATA. Prints a table with the promised and the measured values, and how
each was measured. --long takes the full counts (10,000 breaks, 200 epochs).
"""

from __future__ import annotations

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import stoker
from stoker import _binary

LARGE = 1_281_167  # samples of ImageNet


class Figures:
    """The measurements; each method returns (name, promise, measured) rows."""

    def __init__(self, photos: Path, scratch: Path, *, long: bool) -> None:
        self.long = long
        self.dataset = str(scratch / "photos.stk")
        self.large = str(scratch / "large.stk")
        command("pack", photos, "-o", self.dataset)
        command("dev", "repeat", self.dataset, self.large, "--samples", LARGE)

    def hand_off(self) -> Rows:
        """Time next() where the next batch is known to lie ready in the socket."""
        times: list[float] = []
        small = stoker.RandomResizedCrop(32)
        with own_engine(), stoker.Loader(self.dataset, 2, image=small, prefetch_batches=8) as loader:
            session = loader._main_session()
            while len(times) < 3000:
                iterator = iter(loader)
                for _ in range(len(loader)):
                    if not session._receiver._buffer and not session._batches:
                        select.select([session._sock], [], [])
                    begun = time.perf_counter()
                    batch = next(iterator)
                    times.append(time.perf_counter() - begun)
                    del batch
        yield "hand-off of a ready batch, median", "<= 20 us", f"{1e6 * statistics.median(times):.1f} us"
        yield "hand-off of a ready batch, fastest", "", f"{1e6 * min(times):.1f} us"

    def first_batch(self) -> Rows:
        """Time from Loader(...) to the first batch of 1.28 million samples, with a new engine each time."""
        for batch_size in (32, 256):
            opened, first = [], []
            for _ in range(7):
                with own_engine():
                    begun = time.perf_counter()
                    loader = stoker.Loader(self.large, batch_size)
                    opened.append(time.perf_counter() - begun)
                    next(iter(loader))
                    first.append(time.perf_counter() - begun)
                    loader.close()
            yield f"engine start and open, {LARGE:,} samples", "", ms(opened)
            yield f"time to first batch of {batch_size}, engine start included", "<= 300 ms", ms(first)

    def epoch_gap(self) -> Rows:
        """Time from the end of an epoch's last step to the next epoch's first batch."""
        gaps = []
        with own_engine(), stoker.Loader(self.dataset, 32) as loader:
            ended = None
            for _ in range(10):
                for batch in loader:
                    if ended is not None:
                        gaps.append(time.perf_counter() - ended)
                        ended = None
                    time.sleep(0.1)  # a training step that leaves time to load
                    del batch
                ended = time.perf_counter()
        yield "gap between epochs (steps of 100 ms)", "<= 5 ms", ms(gaps)

    def resume(self) -> Rows:
        """Load states at random steps of 1.28 million samples."""
        random = np.random.default_rng(0)
        loads, firsts = [], []
        with own_engine(), stoker.Loader(self.large, 16) as loader:
            state = loader.state_dict()
            for _ in range(40):
                place = {"epoch": int(random.integers(90)), "position": int(random.integers(LARGE // 16)) * 16}
                begun = time.perf_counter()
                loader.load_state_dict({**state, **place})
                loads.append(time.perf_counter() - begun)
                batch = next(iter(loader))
                firsts.append(time.perf_counter() - begun)
                del batch
        yield "load_state_dict at a random step", "<= 50 ms", ms(loads)
        yield "the same, and its first batch of 16 photographs", "", ms(firsts)

    def two_cores(self) -> Rows:
        """Take batches of 256 from an engine on one core and from one on two, by turns."""
        cores = sorted(os.sched_getaffinity(0))[:2]
        if len(cores) < 2:
            yield "two cores beside one", ">= 90 % of twice", "there is only one core"
            return
        rates: dict[int, list[float]] = {1: [], 2: []}
        costs: dict[int, list[float]] = {1: [], 2: []}
        loaders = {}
        for count in rates:
            os.sched_setaffinity(0, cores[:count])  # the engine inherits it
            with own_engine():
                loaders[count] = stoker.Loader(self.large, 256)
        batches = {count: iter(loader) for count, loader in loaders.items()}
        for turn in range(16 if self.long else 8):
            for count in sorted(rates, reverse=bool(turn % 2)):
                os.sched_setaffinity(0, cores[:count])
                rate, cost = steady_rate(batches[count], loaders[count]._main_session().engine_pid)
                rates[count].append(rate)
                costs[count].append(cost)
        os.sched_setaffinity(0, cores)
        share = [100 * two / one / 2 for one, two in zip(rates[1], rates[2])]
        for count, where in ((1, "on one core"), (2, "on two")):
            yield f"samples a second, batches of 256, {where}", "", f"{statistics.median(rates[count]):,.0f}"
            yield f"processor time a sample, engine and client, {where}", "", f"{1e6 * statistics.median(costs[count]):,.0f} us"
        words = f"{statistics.median(share):.0f} % ({min(share):.0f} to {max(share):.0f} in {len(share)} turns)"
        yield "two cores beside twice one, by turns", ">= 90 %", words

    def breaks(self) -> Rows:
        """Leave the loop after its first batch, over and over; look at both processes."""
        count = 10_000 if self.long else 1_000
        with own_engine(), stoker.Loader(self.dataset, 2, image=stoker.RandomResizedCrop(32)) as loader:
            engine = loader._main_session().engine_pid
            readings = []
            for i in range(count + 1):
                if i in (count // 10, count):
                    readings.append([resources(os.getpid()), resources(engine)])
                for _ in loader:
                    break
        for number, name in enumerate(("trainer", "engine")):
            before, after = readings[0][number], readings[1][number]
            words = ", ".join(f"{what} {a:,} -> {b:,}" for what, a, b in zip(("kB", "fds", "threads"), before, after))
            yield f"{count:,} times break: the {name}", "no growth", words

    def epochs(self) -> Rows:
        """Read the photographs' epochs through; look at the engine's memory after each."""
        count = 200 if self.long else 20
        rss = []
        with own_engine(), stoker.Loader(self.dataset, 32) as loader:
            engine = loader._main_session().engine_pid
            begun = time.perf_counter()
            for _ in range(count):
                for batch in loader:
                    del batch
                rss.append(resources(engine)[0])
            took = time.perf_counter() - begun
            budget = loader._main_session().opened["memory_budget_bytes"]
        tenth = count // 10
        early, late = statistics.mean(rss[tenth : 2 * tenth]), statistics.mean(rss[-tenth:])
        growth = 100 * (late / early - 1)
        yield f"engine memory, second to last tenth of {count} epochs", "within 2 %", f"{early:,.0f} -> {late:,.0f} kB: {growth:+.1f} %"
        yield "single readings, while large pictures come and go", "", f"{min(rss[tenth:]):,} to {max(rss[tenth:]):,} kB"
        yield "the engine's memory budget", "not above", f"{budget // 1024:,} kB"
        yield "photographs a second meanwhile, batches of 32", "", f"{count * 300 / took:,.0f}"


Rows = Iterator[tuple[str, str, str]]


def main() -> int:
    """Measure and print."""
    measurements = [name for name, value in vars(Figures).items() if callable(value) and not name.startswith("_")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="?", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", choices=measurements, default=measurements)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    photos = options.photos or Path(os.environ.get("STOKER_TEST_DATA", "../shared/data")) / "photos"
    if not photos.is_dir():
        sys.exit(f"no photographs at {photos}: give their folder")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        figures = Figures(photos, Path(scratch), long=options.long)
        for name in options.only:
            method: Callable[[], Rows] = getattr(figures, name)
            for row in method():
                rows.append(dict(zip(("figure", "promise", "measured"), row)))
                print(f"{row[0]:62} {row[1]:12} {row[2]}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


def command(*arguments: object) -> None:
    """Run the stoker program."""
    subprocess.run([_binary.find(), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def own_engine() -> Iterator[None]:
    """Use an engine that nobody else uses, started anew."""
    os.environ["STOKER_ENGINE"] = f"@stoker-figures/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    yield


def steady_rate(batches: Iterator[stoker.Batch], engine: int, warm: int = 8, timed: int = 8) -> tuple[float, float]:
    """Return samples a second, and processor seconds a sample of this process and the engine,
    once the batches that lay ready are used up.
    """
    samples, begun, used = 0, 0.0, 0.0
    for i in range(warm + timed):
        if i == warm:
            samples, begun, used = 0, time.perf_counter(), processor_time(engine)
        samples += len(next(batches)["label"])
    rate = samples / (time.perf_counter() - begun)
    cost = (processor_time(engine) - used) / samples
    time.sleep(1)  # until this engine has read ahead, and is quiet
    return rate, cost


def processor_time(engine: int) -> float:
    """Return the processor seconds that the engine and this process have used."""
    fields = Path(f"/proc/{engine}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + time.process_time()


def resources(pid: int) -> tuple[int, int, int]:
    """Return resident kB, file descriptors and threads of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return int(status["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"])


def ms(seconds: list[float]) -> str:
    """Return median and worst in milliseconds."""
    return f"{1e3 * statistics.median(seconds):.1f} ms (worst {1e3 * max(seconds):.1f})"


if __name__ == "__main__":
    sys.exit(main())
