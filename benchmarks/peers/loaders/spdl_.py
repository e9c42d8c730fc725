"""SPDL: its pipeline of threads and its FFmpeg decoder with a filter for each picture."""

from __future__ import annotations

import random
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import spdl.io
from job import SIZE, Job, Loader, crop_box, normalised
from pictures import pictures
from spdl.pipeline import PipelineBuilder

AHEAD = 2


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Files are read where they are."""
    out.symlink_to(photos.resolve())


def picture(path: str) -> np.ndarray:
    """Decode, crop, scale and flip in FFmpeg, which lets go of the interpreter."""
    packets = spdl.io.demux_image(path)
    left, top, wide, high = crop_box(packets.width, packets.height)
    steps = f"crop={wide}:{high}:{left}:{top}:exact=1,scale={SIZE}:{SIZE}:flags=bilinear"
    flip = ",hflip" if random.random() < 0.5 else ""
    frames = spdl.io.decode_packets(packets, filter_desc=f"{steps}{flip},format=pix_fmts=rgb24")
    return spdl.io.to_numpy(spdl.io.convert_frames(frames))


def open(variant: str, job: Job) -> Loader:
    """Give a pipeline for each epoch."""
    paths = [str(path) for path, _ in pictures(job.data)]
    picture(paths[0])  # where FFmpeg is missing, say so: the pipeline would leave every picture out
    finish: Any = normalised if job.floats else (lambda batch: batch)

    def stack(images: list[np.ndarray]) -> np.ndarray:
        return finish(np.stack(images))

    def epoch() -> Iterator[Any]:
        order = random.sample(paths, len(paths))
        builder = PipelineBuilder().add_source(order).pipe(picture, concurrency=job.workers)
        builder = builder.aggregate(job.batch_size, drop_last=True).pipe(stack).add_sink(AHEAD)
        with (pipe := builder.build(num_threads=job.workers)).auto_stop():
            yield from pipe

    return Loader(epoch, AHEAD + 1)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return {name: version(name) for name in ("spdl", "spdl_io")}
