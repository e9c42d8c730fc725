"""LitData: optimised chunks on the local disk, torchvision's decoder, its own loader."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import litdata
from job import Job, Loader
from pictures import pictures

from . import torchjob


def sample(place: tuple[str, int]) -> dict[str, Any]:
    """Return what is stored of a picture."""
    return {"image": Path(place[0]).read_bytes(), "label": place[1]}


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Write the pictures' bytes to chunks."""
    os.environ["DATA_OPTIMIZER_CACHE_FOLDER"] = f"{out}.cache"
    os.environ["DATA_OPTIMIZER_DATA_CACHE_FOLDER"] = f"{out}.data"
    inputs = [(str(path), label) for path, label in pictures(photos)]
    litdata.optimize(fn=sample, inputs=inputs, output_dir=str(out), chunk_bytes="16MB", num_workers=1)


class Pictures(litdata.StreamingDataset):
    """Samples through the job's transform."""

    def __init__(self, job: Job, decoder: str) -> None:
        super().__init__(str(job.data), shuffle=True, drop_last=True)
        self.picture = torchjob.transform(job, decoder)

    def __getitem__(self, index: Any) -> Any:
        return self.picture(super().__getitem__(index)["image"])


def open(variant: str, job: Job) -> Loader:
    """Give its StreamingDataLoader."""
    return torchjob.data_loader(Pictures(job, variant), job, litdata.StreamingDataLoader)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return torchjob.versions("litdata")
