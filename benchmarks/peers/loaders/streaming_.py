"""MosaicML Streaming: MDS shards on the local disk, torchvision's decoder, DataLoader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from job import Job, Loader
from pictures import pictures
from streaming import MDSWriter, StreamingDataset
from streaming.base.util import clean_stale_shared_memory

from . import torchjob


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Write the pictures' bytes to shards."""
    with MDSWriter(out=str(out), columns={"image": "bytes", "label": "int"}) as writer:
        for path, label in pictures(photos):
            writer.write({"image": path.read_bytes(), "label": label})


class Pictures(StreamingDataset):
    """Samples through the job's transform."""

    def __init__(self, job: Job, decoder: str) -> None:
        super().__init__(local=str(job.data), shuffle=True, batch_size=job.batch_size)
        self.picture = torchjob.transform(job, decoder)

    def __getitem__(self, at: int) -> Any:
        return self.picture(super().__getitem__(at)["image"])


def open(variant: str, job: Job) -> Loader:
    """Give a DataLoader, without the shared memory that an earlier one left."""
    clean_stale_shared_memory()
    return torchjob.data_loader(Pictures(job, variant), job)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return torchjob.versions("mosaicml-streaming")
