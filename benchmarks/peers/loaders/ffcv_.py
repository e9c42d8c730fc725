"""FFCV: its own file with JPEGs, the random-crop decoder, threads."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ffcv.fields import IntField, RGBImageField
from ffcv.fields.rgb_image import RandomResizedCropRGBImageDecoder
from ffcv.loader import Loader as FFCVLoader
from ffcv.loader import OrderOption
from ffcv.transforms import NormalizeImage, RandomHorizontalFlip, ToTensor, ToTorchImage
from ffcv.writer import DatasetWriter
from job import MEAN, SIZE, STD, Job, Loader
from pictures import pictures
from PIL import Image

AHEAD = 2


class Files:
    """Pictures of a folder, as the writer wants them."""

    def __init__(self, photos: Path) -> None:
        self.found = pictures(photos)

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, i: int) -> Any:
        path, label = self.found[i]
        return Image.open(path).convert("RGB"), label


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Write the pictures, which FFCV encodes anew."""
    fields = {"image": RGBImageField(write_mode="jpg", jpeg_quality=90), "label": IntField()}
    DatasetWriter(str(out), fields, num_workers=2).from_indexed_dataset(Files(photos))


def open(variant: str, job: Job) -> Loader:
    """Give its loader; float32 by its NormalizeImage."""
    steps: list[Any] = [RandomResizedCropRGBImageDecoder((SIZE, SIZE)), RandomHorizontalFlip()]
    if job.floats:
        steps.append(NormalizeImage(255 * np.array(MEAN), 255 * np.array(STD), np.float32))
    steps.append(ToTensor())
    if job.floats:
        steps.append(ToTorchImage(channels_last=False))
    loader = FFCVLoader(
        str(job.data),
        batch_size=job.batch_size,
        num_workers=job.workers,
        order=OrderOption.RANDOM,
        os_cache=True,
        drop_last=True,
        batches_ahead=AHEAD,
        pipelines={"image": steps, "label": None},
    )

    def epoch() -> Any:
        for (images,) in loader:
            yield images

    return Loader(epoch, AHEAD + 1)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return {"ffcv": version("ffcv"), "torch": torch.__version__}
