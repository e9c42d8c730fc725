#!/usr/bin/env python3
"""What the runner costs a command that prints 1,000 lines a second.

    scripts/bench_runner.py [--pairs 200] [--json FILE]

A loop of fixed work (about 1 ms of arithmetic and one line printed and flushed,
each step) prints, in blocks of half a second and in random order, to its standard
output and to a bare terminal that this program reads. Its standard output is

    script    that of script -qfc, the usual way to keep a log
    stoker    that of stoker run --detach: supervisor and holder, nobody attached
    attached  that of stoker run in a terminal that this program reads

What one step takes in a block is compared with the block beside it: both know the
same machine, whatever else that does. Reported is the Hodges-Lehmann estimate of
the ratio with the 95 % interval of Wilcoxon's signed ranks, for elapsed time and
for the loop's own processor time, and what supervisor and holder took themselves.
The sampler, which stoker run puts into Python, runs in all blocks alike: for it
see bench_sampler.py.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pty
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

LOOP = """
import json, os, random, sys, time
work, pairs, bare, report = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
def step():
    x = 1
    for _ in range(work):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
    return x
def block(out):
    n, wall, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < wall + 0.5:
        x = step()
        n += 1
        print(f"step {n}/1000000 loss {1 + x % 100 / 1000:.4f}", file=out, flush=True)
    return (time.perf_counter() - wall) / n, (time.process_time() - cpu) / n
outs = {"here": sys.stdout, "bare": open(bare, "w")}
began, rows = time.perf_counter(), []
for i in range(pairs + 2):
    rows.append({name: block(outs[name]) for name in random.sample(["here", "bare"], 2)})
with open(report + ".part", "w") as f:
    json.dump({"rows": rows[2:], "seconds": time.perf_counter() - began}, f)
os.rename(report + ".part", report)
"""
WAYS = ["script", "stoker", "attached"]


def calibrate() -> int:
    """How much work takes about a millisecond, newline and all, on this machine."""
    def loop(n: int) -> int:
        x = 1
        for _ in range(n):
            x = x * 1103515245 + 12345 & 0x7FFFFFFF
        return x

    best = math.inf
    for _ in range(20):
        before = time.perf_counter()
        loop(20_000)
        best = min(best, time.perf_counter() - before)
    return int(20_000 * 0.001 / best)


def drain(terminal: int) -> None:
    """Read what is written to a terminal, as an emulator would, until it is gone."""
    while True:
        try:
            if not os.read(terminal, 65536):
                return
        except OSError:
            return


def on_a_terminal(command: list[str], environment: dict[str, str]) -> None:
    """Run command on a new terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, environment)
    drain(terminal)
    os.close(terminal)
    os.waitpid(pid, 0)


class Keepers(threading.Thread):
    """Looks at the run's supervisor and holder: processor seconds and memory."""

    def __init__(self, state: Path) -> None:
        super().__init__(daemon=True)
        self.state, self.seen, self.stop = state, {}, threading.Event()
        self.resident = self.peak = 0.0

    def run(self) -> None:
        while not self.stop.wait(0.5):
            self.look()

    def pids(self) -> list[int]:
        """Find both by their command lines."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if len(words) > 2 and words[1] in (b"run-supervisor", b"run-holder") and str(self.state).encode() in words[2]:
                    found.append(int(entry.name))
        return found

    def look(self) -> None:
        """Note what they have taken so far."""
        resident = share = 0.0
        pids = [p for p in self.seen if Path(f"/proc/{p}").exists()]
        for pid in pids if len(pids) == 2 else self.pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                memory = dict(line.split()[:2] for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
            except OSError:
                continue
            self.seen[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            resident += int(memory["Rss:"]) / 1024
            share += int(memory["Pss:"]) / 1024
        if resident:
            self.resident, self.peak = resident, max(self.peak, share)


def measure(way: str, stoker: str, work: int, pairs: int, directory: Path) -> dict:
    """Run the loop one way and return what it measured."""
    report, state = directory / f"report-{way}", directory / "state"
    environment = dict(os.environ, STOKER_STATE_DIR=str(state), TERM="xterm-256color")
    terminal, bare = pty.openpty()
    tty.setraw(bare)
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()
    loop = [sys.executable, str(directory / "loop.py"), str(work), str(pairs), os.ttyname(bare), str(report)]
    keepers = Keepers(state)
    if way != "script":
        keepers.start()
    if way == "script":
        on_a_terminal(["script", "-qfc", " ".join(f"'{word}'" for word in loop), str(directory / "typescript")], environment)
    elif way == "attached":
        on_a_terminal([stoker, "run", "--no-notify", "--", *loop], environment)
    else:
        subprocess.run([stoker, "run", "-d", "--no-notify", "--", *loop], check=True, env=environment, capture_output=True)
        while not report.exists():
            time.sleep(0.05)
    os.close(bare)
    if keepers.is_alive():
        keepers.stop.set()
        keepers.join()
        while any((state / "live").iterdir()):  # the next one shall not run beside the end of this one
            time.sleep(0.05)
    found = json.loads(report.read_text())
    return {**found, "keepers": sum(keepers.seen.values()) / found["seconds"], "resident": keepers.resident, "peak": keepers.peak}


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Return the Hodges-Lehmann estimate and its 95 % interval."""
    walsh = sorted((x + y) / 2 for i, x in enumerate(ratios) for y in ratios[i:])
    n = len(ratios)
    cut = max(0, int(n * (n + 1) / 4 - 1.96 * math.sqrt(n * (n + 1) * (2 * n + 1) / 24)))
    return statistics.median(walsh), walsh[cut], walsh[-1 - cut]


def main() -> int:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200, help="of blocks, one second each")
    parser.add_argument("--json", help="write every single measurement to this file")
    arguments = parser.parse_args()
    stoker = os.environ.get("STOKER_BIN") or shutil.which("stoker")
    if not stoker or not shutil.which("script"):
        print("stoker: needs the command script (util-linux), and stoker in PATH or STOKER_BIN", file=sys.stderr)
        return 2
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    work, found = calibrate(), {}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "loop.py").write_text(LOOP)
        for way in WAYS:
            found[way] = measure(way, stoker, work, arguments.pairs, directory)
            show(way, found[way])
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found))
    return 0


def show(way: str, found: dict) -> None:
    """Print what one way costs beside the bare terminal."""
    cells = []
    for n, what in enumerate(("elapsed", "own processor time")):
        middle, low, high = interval([row["here"][n] / row["bare"][n] - 1 for row in found["rows"]])
        cells.append(f"{what} {100 * middle:+.2f} % ({100 * low:+.2f} to {100 * high:+.2f})")
    print(f"{way:10}{'   '.join(cells)}", flush=True)
    if found["peak"]:
        print(f"{'':10}supervisor and holder {100 * found['keepers']:.1f} % of a core, {found['resident']:.0f} MiB resident at the end,"
              f" at most {found['peak']:.0f} MiB with the pages that they share counted once", flush=True)


if __name__ == "__main__":
    sys.exit(main())
