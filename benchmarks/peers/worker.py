"""One peer in a process of its own: commands come in as lines of JSON, answers go out.

    python worker.py MODULE VARIANT prepare|serve

The driver measures from outside (processor time, memory); this process measures what
only the consumer sees: when batches arrive. Standard output is the protocol, so
whatever a peer prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from job import Job

sys.path.insert(0, str(Path(__file__).parent))


def main() -> None:
    """Prepare the data, or obey until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, variant, verb = sys.argv[1:4]
    begun = time.perf_counter()
    peer = importlib.import_module(f"loaders.{module}")
    imported = time.perf_counter() - begun
    if verb == "prepare":
        peer.prepare(variant, Path(sys.argv[4]), Path(sys.argv[5]))
        return
    server = Server(peer, variant)
    answer(answers, {"import_s": imported, "versions": peer.versions()})
    for line in sys.stdin:
        command = json.loads(line)
        answer(answers, getattr(server, command.pop("do"))(**command))
    server.close()
    os._exit(0)  # peers whose threads do not end must not hold up the others


def answer(stream: Any, value: Any) -> None:
    """Send one line."""
    stream.write(json.dumps(value) + "\n")
    stream.flush()


class Server:
    """The commands. Each takes a job's name and says what the consumer saw."""

    def __init__(self, peer: Any, variant: str) -> None:
        self.peer, self.variant = peer, variant
        self.loader: Any = None

    def open(self, data: str, batch_size: int, dtype: str, workers: int) -> dict[str, Any]:
        """Make the loader; give the time to its first batch and what that batch holds."""
        self.close()
        self.job = Job(Path(data), batch_size, dtype, workers)
        begun = time.perf_counter()
        self.loader = self.peer.open(self.variant, self.job)
        self.batches = self.endless()
        batch = next(self.batches)
        first = time.perf_counter() - begun
        seen = self.job.check(batch)
        del batch
        return {"first_s": first, "others": getattr(self.loader, "pids", []), **seen}

    def endless(self) -> Iterator[Any]:
        """Give epoch after epoch."""
        while True:
            count = 0
            for batch in self.loader:
                count += 1
                yield batch
                del batch
            if not count:
                raise RuntimeError("an epoch without a batch")

    def drain(self) -> dict[str, Any]:
        """Take what was made before the round, so that only what is made in it counts."""
        for _ in range(self.loader.ahead):
            next(self.batches)
        return {}

    def round(self, seconds: float, step: float) -> dict[str, Any]:
        """Take batches for a while, working `step` seconds on each (0: not at all)."""
        images = busy = 0
        begun = time.perf_counter()
        while (took := time.perf_counter() - begun) < seconds or not images:
            batch = next(self.batches)
            images += len(batch)
            del batch
            if step:
                stepped = time.perf_counter()
                time.sleep(step)
                busy += time.perf_counter() - stepped
        took = time.perf_counter() - begun
        return {"images": images, "seconds": took, "busy": busy}

    def take(self, batches: int) -> dict[str, Any]:
        """Take so many batches."""
        begun = time.perf_counter()
        images = sum(len(next(self.batches)) for _ in range(batches))
        return {"images": images, "seconds": time.perf_counter() - begun}

    def gap(self, epochs: int, step: float) -> dict[str, Any]:
        """Time from the end of an epoch's last step to the next epoch's first batch."""
        gaps: list[float] = []
        ended = None
        for _ in range(epochs):
            for batch in self.loader:
                if ended is not None:
                    gaps.append(time.perf_counter() - ended)
                    ended = None
                time.sleep(step)
                del batch
            ended = time.perf_counter()
        return {"gaps": gaps}

    def close(self) -> dict[str, Any]:
        """Let go of the loader."""
        if self.loader is not None:
            self.batches = None
            self.loader.close()
            self.loader = None
        return {}


if __name__ == "__main__":
    main()
