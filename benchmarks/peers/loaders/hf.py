"""Hugging Face datasets: Arrow files, torchvision's decoder, DataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
from job import Job, Loader
from pictures import pictures

from . import torchjob


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Write the pictures' bytes to Arrow files."""
    found = pictures(photos)
    columns = {
        "image": [{"bytes": path.read_bytes(), "path": None} for path, _ in found],
        "label": [label for _, label in found],
    }
    features = datasets.Features({"image": datasets.Image(decode=False), "label": datasets.Value("int64")})
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(out))


def open(variant: str, job: Job) -> Loader:
    """Give a DataLoader over a data set with a transform."""
    picture = torchjob.transform(job, variant)

    def rows(batch: dict[str, Any]) -> dict[str, Any]:
        return {"image": [picture(image["bytes"]) for image in batch["image"]]}

    dataset = datasets.load_from_disk(str(job.data)).with_transform(rows)
    inner = torchjob.data_loader(dataset, job, shuffle=True)

    def epoch() -> Iterator[Any]:
        for batch in inner:
            yield batch["image"]

    return Loader(epoch, inner.ahead, inner.close)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return torchjob.versions("datasets")
