"""NVIDIA DALI on the processor: file reader, fused decoder with random crop, resize, flip."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from job import MEAN, SIZE, STD, Job, Loader
from nvidia.dali import fn, pipeline_def, types

AHEAD = 2


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Files are read where they are."""
    out.symlink_to(photos.resolve())


@pipeline_def
def pipeline(job: Job) -> Any:
    """Describe the job in DALI's operators."""
    jpegs, _ = fn.readers.file(file_root=str(job.data), random_shuffle=True, pad_last_batch=False, name="reader")
    images = fn.decoders.image_random_crop(
        jpegs, device="cpu", output_type=types.RGB, random_area=[0.08, 1.0], random_aspect_ratio=[3 / 4, 4 / 3]
    )
    images = fn.resize(images, size=[SIZE, SIZE], interp_type=types.INTERP_LINEAR, antialias=True)
    mirror = fn.random.coin_flip()
    if not job.floats:
        return fn.flip(images, horizontal=mirror)
    mean, deviation = [255 * x for x in MEAN], [255 * x for x in STD]
    return fn.crop_mirror_normalize(
        images, mirror=mirror, mean=mean, std=deviation, dtype=types.FLOAT, output_layout="CHW"
    )


def open(variant: str, job: Job) -> Loader:
    """Give a pipeline, cut into epochs."""
    pipe = pipeline(
        job,
        batch_size=job.batch_size,
        num_threads=job.workers,
        device_id=None,
        prefetch_queue_depth=AHEAD,
        seed=1,
    )
    pipe.build()
    count = pipe.epoch_size("reader") // job.batch_size

    def epoch() -> Iterator[Any]:
        for _ in range(count):
            yield pipe.run()[0].as_array()

    return Loader(epoch, AHEAD)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return {d.name: d.version for d in distributions() if d.name.startswith("nvidia-dali-cuda")}
