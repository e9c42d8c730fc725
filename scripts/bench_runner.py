#!/usr/bin/env python3
"""What the runner costs a command that prints 1,000 lines a second.

    scripts/bench_runner.py [--rounds 24] [--seconds 2] [--json FILE]

A loop of fixed work (about 1 ms of arithmetic and one line printed and flushed,
each step) runs on a terminal of its own in four ways, in every round and in an
order that changes from round to round:

    bare      a terminal that this program reads
    script    script -qfc, the usual way to keep a log
    stoker    stoker run --detach: supervisor and holder, nobody attached
    attached  stoker run in a terminal that this program reads

The loop times itself, after its first 2,000 steps, so that start and end do not
count. Reported is the ratio to the bare loop of the same round: its median over
the rounds with a 95 % interval (order statistics), for elapsed time and for the
loop's own processor time, and what supervisor and holder took themselves. On a
machine with other work the fastest round of each way says more than the median.
"""

import argparse
import json
import math
import os
import pty
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LOOP = """
import sys, time
work, steps, report = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def step():
    x = 1
    for _ in range(work):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
    return x
began = time.perf_counter()
for i in range(2000 + steps):
    if i == 2000:
        wall, cpu = time.perf_counter(), time.process_time()
    x = step()
    print(f"step {i + 1}/{2000 + steps} loss {1 + x % 100 / 1000:.4f}", flush=True)
wall, cpu, total = time.perf_counter() - wall, time.process_time() - cpu, time.perf_counter() - began
open(report + ".part", "w").write(f"{wall} {cpu} {total}")
import os; os.rename(report + ".part", report)
"""
LONG = 10  # seconds: what is needed for the start only is given back after the first few
WAYS = ["bare", "script", "stoker", "attached"]


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


def on_a_terminal(command: list[str], environment: dict[str, str]) -> None:
    """Runs command on a new terminal and reads what it writes, as an emulator would."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, environment)
    while True:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:
            break
    os.close(terminal)
    os.waitpid(pid, 0)


class Keepers(threading.Thread):
    """Looks at the run's supervisor and holder: processor seconds and memory."""

    def __init__(self, state: Path) -> None:
        super().__init__(daemon=True)
        self.state, self.seen, self.stop = state, {}, threading.Event()
        self.resident = self.peak = 0.0

    def run(self) -> None:
        while not self.stop.wait(0.1):
            self.look()

    def pids(self) -> list[int]:
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


def measure(way: str, stoker: str, loop: list[str], directory: Path) -> dict[str, float]:
    report = Path(loop[-1])
    report.unlink(missing_ok=True)
    state = directory / "state"
    environment = dict(os.environ, STOKER_STATE_DIR=str(state), TERM="xterm-256color")
    keepers = Keepers(state)
    if way in ("stoker", "attached"):
        keepers.start()
    if way == "bare":
        on_a_terminal(loop, environment)
    elif way == "script":
        on_a_terminal(["script", "-qfc", " ".join(f"'{word}'" for word in loop), str(directory / "typescript")], environment)
    elif way == "attached":
        on_a_terminal([stoker, "run", "--no-notify", "--", *loop], environment)
    else:
        subprocess.run([stoker, "run", "-d", "--no-notify", "--", *loop], check=True, env=environment, capture_output=True)
        while not report.exists():
            time.sleep(0.05)
    if keepers.is_alive():
        keepers.stop.set()
        keepers.join()
        wait_for_end(state)
    wall, cpu, total = map(float, report.read_text().split())
    return {"wall": wall, "cpu": cpu, "keepers": sum(keepers.seen.values()) / total, "resident": keepers.resident, "peak": keepers.peak}


def wait_for_end(state: Path) -> None:
    """The next round shall not run beside the end of this one."""
    while any((state / "live").iterdir()):
        time.sleep(0.05)


def interval(values: list[float]) -> tuple[float, float, float]:
    """The median, and an interval that holds the true one in 95 % of the cases."""
    values = sorted(values)
    n = len(values)
    reach = math.ceil(0.98 * math.sqrt(n)) + 1
    return statistics.median(values), values[max(n // 2 - reach, 0)], values[min((n - 1) // 2 + reach, n - 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--json", help="write every single measurement to this file")
    arguments = parser.parse_args()
    stoker = os.environ.get("STOKER_BIN") or shutil.which("stoker")
    if not stoker or not shutil.which("script"):
        print("stoker: needs the command script (util-linux), and stoker in PATH or STOKER_BIN", file=sys.stderr)
        return 2
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    rounds: list[dict[str, dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "loop.py").write_text(LOOP)
        loop = [sys.executable, str(directory / "loop.py"), str(calibrate()), str(int(arguments.seconds * 1000)), str(directory / "report")]
        for i in range(arguments.rounds):
            order = random.sample(WAYS, len(WAYS))
            rounds.append({way: measure(way, stoker, loop, directory) for way in order})
            print(f"\rround {i + 1} of {arguments.rounds}", end="", file=sys.stderr)
        long = measure("stoker", stoker, [*loop[:3], str(LONG * 1000), loop[-1]], directory)
    print(file=sys.stderr)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rounds))
    show(rounds, long)
    return 0


def show(rounds: list[dict[str, dict[str, float]]], long: dict[str, float]) -> None:
    took = statistics.median(r["bare"]["wall"] for r in rounds)
    print(f"{len(rounds)} rounds, the bare loop took {took:.2f} s (median)")
    print(f"{'':10}{'elapsed time beside bare':>48}{'own processor time beside bare':>48}")
    for way in WAYS[1:]:
        cells = []
        for what in ("wall", "cpu"):
            middle, low, high = interval([r[way][what] / r["bare"][what] - 1 for r in rounds])
            fastest = min(r[way][what] for r in rounds) / min(r["bare"][what] for r in rounds) - 1
            cells.append(f"{100 * middle:+.2f} % ({100 * low:+.2f} to {100 * high:+.2f}), fastest {100 * fastest:+.2f} %")
        print(f"{way:10}{cells[0]:>48}{cells[1]:>48}")
    print(f"supervisor and holder over {LONG} s, their start included: {100 * long['keepers']:.1f} % of a core; in the end {long['resident']:.0f} MiB"
          f" resident; at most {long['peak']:.0f} MiB at any time, with the pages that they share counted once")


if __name__ == "__main__":
    sys.exit(main())
