"""Grain: MapDataset over files, Pillow, a process for each worker."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grain
import numpy as np
from absl import flags
from job import SIZE, Job, Loader, crop_box, normalised
from pictures import pictures
from PIL import Image

AHEAD = 2  # batches each worker keeps ready, and as many its reader: the default is hundreds, which no short round sees the end of


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Files are read where they are."""
    out.symlink_to(photos.resolve())


class Draw:
    """numpy's generator with the two methods that crop_box() takes from `random`."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.uniform = rng.uniform
        self.rng = rng

    def randint(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))


def picture(path: str, rng: np.random.Generator) -> np.ndarray:
    """Return a picture of the job."""
    image = Image.open(io.BytesIO(Path(path).read_bytes())).convert("RGB")
    left, top, wide, high = crop_box(*image.size, Draw(rng))
    image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=(left, top, left + wide, top + high))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image)


def open(variant: str, job: Job) -> Loader:
    """Give one iterator over repeated epochs, cut into epochs."""
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["peers"])
    paths = [str(path) for path, _ in pictures(job.data)]
    dataset = grain.MapDataset.source(paths).seed(0).shuffle().random_map(picture)
    dataset = dataset.batch(job.batch_size, drop_remainder=True)
    if job.floats:
        dataset = dataset.map(normalised)
    count = len(dataset)
    options = grain.MultiprocessingOptions(num_workers=job.workers, per_worker_buffer_size=AHEAD)
    reading = grain.ReadOptions(num_threads=AHEAD, prefetch_buffer_size=AHEAD)
    batches: Any = iter(dataset.repeat().to_iter_dataset(reading).mp_prefetch(options))

    def epoch() -> Iterator[Any]:
        for _ in range(count):
            yield next(batches)

    return Loader(epoch, 2 * AHEAD * job.workers, getattr(batches, "close", None))


def versions() -> dict[str, str]:
    """Return what takes part."""
    return {name: version(name) for name in ("grain", "pillow")}
