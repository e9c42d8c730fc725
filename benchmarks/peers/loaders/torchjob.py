"""The job in torchvision's transforms, and DataLoader's settings, for all torch-based peers."""

from __future__ import annotations

import io
from typing import Any

import torch
import torchvision
from job import MEAN, STD, Job, Loader
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

PREFETCH = 2  # batches each worker keeps ready: DataLoader's default


def transform(job: Job, decoder: str) -> Any:
    """Return a function from a JPEG's bytes to a picture of the job, as a tensor."""
    steps: list[Any] = [v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()]
    if decoder == "pillow":
        steps.append(v2.PILToTensor())
    if job.floats:
        steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    compose = v2.Compose(steps)

    def picture(content: Any) -> torch.Tensor:
        out = compose(decode(content, decoder))
        return out if job.floats else out.permute(1, 2, 0)

    return picture


def decode(content: Any, decoder: str) -> Any:
    """Decode bytes with Pillow or with torchvision."""
    if decoder == "pillow":
        return Image.open(io.BytesIO(content)).convert("RGB")
    if not isinstance(content, torch.Tensor):
        content = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return decode_jpeg(content, mode=ImageReadMode.RGB)


def data_loader(dataset: Any, job: Job, cls: Any = torch.utils.data.DataLoader, **more: Any) -> Loader:
    """Wrap a dataset of pictures in a DataLoader with its documented fast settings."""
    if not job.workers:
        torch.set_num_threads(1)  # as in a worker: pictures are too small to share among threads
    if job.workers:
        more.update(persistent_workers=True, prefetch_factor=PREFETCH)
    loader = cls(dataset, batch_size=job.batch_size, num_workers=job.workers, drop_last=True, **more)
    return Loader(loader, PREFETCH * job.workers)


def versions(*names: str) -> dict[str, str]:
    """Return versions of torch, torchvision and the named distributions."""
    from importlib.metadata import version

    return {"torch": torch.__version__, "torchvision": torchvision.__version__, **{n: version(n) for n in names}}
