"""PyTorch's DataLoader over files, decoding with Pillow or with torchvision."""

from __future__ import annotations

import builtins
from pathlib import Path

import torch
from job import Job, Loader
from pictures import pictures

from . import torchjob


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Files are read where they are."""
    out.symlink_to(photos.resolve())


class Files(torch.utils.data.Dataset):
    """Pictures of a folder."""

    def __init__(self, job: Job, decoder: str) -> None:
        self.paths = [str(path) for path, _ in pictures(job.data)]
        self.picture = torchjob.transform(job, decoder)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        with builtins.open(self.paths[i], "rb") as file:
            return self.picture(file.read())


def open(variant: str, job: Job) -> Loader:
    """Give a DataLoader; the variant is the decoder."""
    return torchjob.data_loader(Files(job, variant), job, shuffle=True)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return torchjob.versions("pillow")
