"""What the sampler of `stoker run` costs the process that it is in.

    python3 scripts/bench_sampler.py [--pairs 240]

One process, a fixed piece of work over and over; in pairs of blocks of
0.3 seconds, in random order, the sampler's thread runs or does not. Compared are the
seconds for one piece: of the clock, and of the processor (the sampler's thread
included), which other programs on the machine disturb less. The interval is that
of Wilcoxon's signed ranks over the pairs.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "internal/run/sampler/py"))

from _stoker_probe import probe

BLOCK = 0.3  # seconds: a machine changes its speed within a second


def python_loop() -> None:
    """Hold the interpreter's lock all the time: the worst case."""
    total = 0
    for n in range(20_000):
        total += n & 3


def nested(depth: int = 30) -> None:
    """Work under a deep stack, as frameworks have."""
    if depth:
        nested(depth - 1)
    else:
        python_loop()


def matrices() -> Callable[[], None]:
    """Return numpy at work, which gives the lock away."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # its threads would measure who else uses the machine
    import numpy as np

    a = np.ones((200, 200), np.float32)

    def work() -> None:
        for _ in range(5):
            a @ a

    return work


def block(work: Callable[[], None], seconds: float) -> tuple[float, float]:
    """Return seconds for one piece of work, by the clock and of the processor."""
    count, begin, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds:
        work()
        count += 1
    return (time.perf_counter() - begin) / count, (time.process_time() - cpu) / count


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Return the Hodges-Lehmann estimate and its 95 % interval."""
    walsh = sorted((x + y) / 2 for i, x in enumerate(ratios) for y in ratios[i:])
    n = len(ratios)
    cut = max(0, int(n * (n + 1) / 4 - 1.96 * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)))
    return statistics.median(walsh), walsh[cut], walsh[-1 - cut]


def compare(work: Callable[[], None], pairs: int, sampler: probe.Probe) -> dict[str, list[float]]:
    """Return the ratios with the sampler to without, pair by pair."""
    ratios: dict[str, list[float]] = {"clock": [], "processor": []}
    block(work, 0.5)
    for _ in range(pairs):
        cost = {}
        for on in random.sample([True, False], 2):
            if on:
                sampler.begin()
            cost[on] = block(work, BLOCK)
            sampler.halt()
        for n, name in enumerate(ratios):
            ratios[name].append(cost[True][n] / cost[False][n] - 1)
    return ratios


def main() -> None:
    """Print a line for each kind of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=240)
    pairs = parser.parse_args().pairs
    works = {"Python, lock held": python_loop, "Python, 30 frames deep": nested}
    try:
        works["numpy"] = matrices()
    except ImportError:
        print("numpy is not installed: left out", file=sys.stderr)
    with tempfile.TemporaryDirectory() as directory:
        for name, work in works.items():
            sampler = probe.Probe(directory)
            for clock, ratios in compare(work, pairs, sampler).items():
                mid, low, high = interval(ratios)
                print(f"{name:24} {clock:10} {100 * mid:+.2f} % [{100 * low:+.2f}, {100 * high:+.2f}]", flush=True)
            spent, looks = 100 * sampler.spent / pairs / BLOCK, sampler.looks.count / pairs / BLOCK
            print(f"{'':24} its own account {spent:.2f} %, {looks:.0f} looks/s")


if __name__ == "__main__":
    main()
