"""Stoker: the pictures as they are, with and without an entropy index, resized, re-coded, pre-decoded."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import stoker
from job import Job, Loader
from stoker import _binary

AHEAD = 2
PACK = {
    "untouched": ["--entropy-index", "none"],
    "indexed": ["--entropy-index", "8"],
    "resized": ["--resize", "short=256", "--entropy-index", "8"],
    "recoded": ["--recode"],
    "resized-recoded": ["--resize", "short=256", "--recode"],
    "pixels": ["--resize", "256x256", "--pixels"],
}


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Pack the folder."""
    subprocess.run([_binary.find(), "pack", str(photos), "-o", str(out), "-q", *PACK[variant]], check=True)


def open(variant: str, job: Job) -> Loader:
    """Give a loader with an engine of its own."""
    os.environ["STOKER_ENGINE"] = f"@stoker-peers/{os.getpid()}"
    os.environ["STOKER_CACHE_DIR"] = "none"  # "untouched" stays without indexes
    steps: list[stoker.Transform] = [stoker.RandomResizedCrop(224), stoker.HorizontalFlip()]
    if job.floats:
        steps.append(stoker.Normalize())
    loader = stoker.Loader(
        str(job.data),
        job.batch_size,
        transforms=steps,
        dtype=job.dtype,
        layout="NCHW" if job.floats else "NHWC",
        last_batch="drop",
        prefetch_batches=AHEAD,
        workers=job.workers,
    )

    def epoch():  # type: ignore[no-untyped-def]
        for batch in loader:
            pixels = batch["image"]
            del batch
            yield pixels
            del pixels

    given = Loader(epoch, AHEAD, loader.close)
    given.pids = [loader._main_session().engine_pid]
    return given


def versions() -> dict[str, str]:
    """Return what takes part."""
    return {"stoker": stoker.__version__}
