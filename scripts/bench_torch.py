#!/usr/bin/env python3
"""Compare with PyTorch's DataLoader and torchvision: `make bench-torch`.

    python scripts/bench_torch.py PHOTOS [--rounds 5] [--json FILE]

Both give batches of 64 pictures as uint8 tensors of 3 x 224 x 224, by
RandomResizedCrop(224) and a flip, from the same photographs in the page cache, with
as many workers as there are cores. Rounds alternate, so that a busy machine is busy
for both; the medians are compared. Nothing trains: the loop only takes batches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import stoker
import stoker.torch
import torch
import torchvision
from stoker import _binary
from torchvision.transforms import v2

BATCH_SIZE = 64
SECONDS = 4.0  # of a round


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    photos = options.photos or Path(os.environ.get("STOKER_TEST_DATA", "../shared/data")) / "photos"
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        dataset = Path(scratch) / "photos.stk"
        subprocess.run([_binary.find(), "pack", photos, "-o", dataset], check=True, stdout=subprocess.DEVNULL)
        loaders: dict[str, Any] = {
            "DataLoader": data_loader(photos, workers),
            "stoker": stoker.torch.Loader(dataset, BATCH_SIZE, dtype="uint8", drop_last=True, workers=workers),
        }
        feeds = {name: endless(loader) for name, loader in loaders.items()}
        speeds: dict[str, list[float]] = {name: [] for name in feeds}
        for _ in range(options.rounds):
            for name, feed in feeds.items():
                speeds[name].append(measure(feed))
                print(f"{name:12} {speeds[name][-1]:8.0f} photographs/s", flush=True)
                pause(loaders[name])
        loaders["stoker"].close()
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    print(f"\nPyTorch {torch.__version__}, torchvision {torchvision.__version__}, {workers} workers, medians:")
    print(f"DataLoader {medians['DataLoader']:.0f}, stoker {medians['stoker']:.0f} photographs/s: ", end="")
    print(f"{medians['stoker'] / medians['DataLoader']:.1f} times as fast")
    if options.json:
        options.json.write_text(json.dumps({"rounds": speeds, "medians": medians}, indent=2) + "\n")
    return 0


def data_loader(photos: Path, workers: int) -> Any:
    """Return what PyTorch's users write."""
    transform = v2.Compose([v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), v2.PILToTensor()])
    return torch.utils.data.DataLoader(
        torchvision.datasets.ImageFolder(photos, transform),
        BATCH_SIZE,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        persistent_workers=True,
    )


def endless(loader: Any) -> Callable[[], Iterator[Any]]:
    """Return a maker of iterators over epoch after epoch."""

    def batches() -> Iterator[Any]:
        while True:
            yield from loader

    return batches


def measure(feed: Callable[[], Iterator[Any]]) -> float:
    """Return pictures a second over a few seconds, after a warm-up."""
    batches = feed()
    for _ in range(4):
        next(batches)
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        images, _ = next(batches)
        assert images.shape == (BATCH_SIZE, 3, 224, 224)
        count += BATCH_SIZE
    return count / (time.perf_counter() - begun)


def pause(loader: Any) -> None:
    """Let a loader finish what it prefetches, so that it does not disturb the other."""
    time.sleep(0.7 if isinstance(loader, stoker.torch.Loader) else 1.5)


if __name__ == "__main__":
    sys.exit(main())
