"""datago: decoding in Rust threads; crop, resize and flip by Pillow, as it has no RandomResizedCrop."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import datago
import numpy as np
from job import SIZE, Job, Loader, crop_box, normalised
from pictures import pictures
from PIL import Image

BUFFER = 32  # samples, as in its documentation
AHEAD = 1


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Files are read where they are."""
    out.symlink_to(photos.resolve())


def picture(sample: Any) -> np.ndarray:
    """Return a picture of the job."""
    image = sample.image.to_pil_image()
    if image.mode != "RGB":
        image = image.convert("RGB")
    left, top, wide, high = crop_box(*image.size)
    image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=(left, top, left + wide, top + high))
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image)


def open(variant: str, job: Job) -> Loader:
    """Give a client for each epoch; a batch is cropped while the next one is decoded."""
    count = len(pictures(job.data))
    settings = {
        "source_type": "file",
        "source_config": {"root_path": str(job.data.resolve()), "random_sampling": True, "rank": 0, "world_size": 1},
        "limit": count,
        "samples_buffer_size": BUFFER,
    }
    pool = ThreadPoolExecutor(job.workers)

    def epoch() -> Iterator[Any]:
        client = datago.DatagoClient(json.dumps(settings))
        client.start()
        try:
            waiting = submit(client)
            for left in reversed(range(count // job.batch_size)):
                images, waiting = waiting, submit(client) if left else []
                batch = np.stack([image.result() for image in images])
                yield normalised(batch) if job.floats else batch
        finally:
            client.stop()

    def submit(client: Any) -> list[Any]:
        return [pool.submit(lambda: picture(client.get_sample())) for _ in range(job.batch_size)]

    return Loader(epoch, AHEAD, pool.shutdown)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return {name: version(name) for name in ("datago", "pillow")}
