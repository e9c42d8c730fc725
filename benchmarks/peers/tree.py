"""Processor time and memory of a process and all that it started, read from /proc."""

from __future__ import annotations

import os
import signal
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Tree:
    """A process, its descendants, and others that work for it (such as an engine)."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.others: list[int] = []

    def pids(self) -> list[int]:
        """Return who belongs to it now."""
        children: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (stat := fields(int(entry))):
                children.setdefault(int(stat[1]), []).append(int(entry))
        found = [self.root, *self.others]
        for pid in found:
            found.extend(child for child in children.get(pid, []) if child not in found)
        return found

    def cpu_seconds(self) -> float:
        """Return user and system time, that of children who have ended included."""
        stats = [fields(pid) for pid in self.pids()]
        return sum(sum(map(int, stat[11:15])) for stat in stats if stat) / TICKS

    def memory(self) -> dict[str, int]:
        """Return bytes: `pss` of everything, `held` without what is a file's and can be dropped."""
        total = {"pss": 0, "held": 0}
        for pid in self.pids():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            except OSError:
                continue
            kilobytes = {key: int(rest.split()[0]) for key, rest in (line.split(":") for line in lines)}
            total["pss"] += 1024 * kilobytes["Pss"]
            total["held"] += 1024 * (kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"])
        return total

    def signal(self, number: int) -> None:
        """Send a signal to each of them."""
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def pause(self) -> None:
        """Stop them all, so that what they prefetch disturbs nobody."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let them run again."""
        self.signal(signal.SIGCONT)


def fields(pid: int) -> list[str] | None:
    """Return what stands behind the name in /proc/PID/stat."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
