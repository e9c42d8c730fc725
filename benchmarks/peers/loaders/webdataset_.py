"""WebDataset: tar shards, torchvision's decoder, batches made in the workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import webdataset as wds
from job import Job, Loader
from pictures import pictures

from . import torchjob

SHARDS = 8
SHUFFLE = 500


def prepare(variant: str, photos: Path, out: Path) -> None:
    """Write the pictures' bytes to shards, in random order as its documentation asks."""
    out.mkdir()
    found = pictures(photos)
    order = np.random.default_rng(0).permutation(len(found))
    with wds.ShardWriter(str(out / "%03d.tar"), maxcount=-(-len(found) // SHARDS), verbose=0) as writer:
        for i in order:
            path, label = found[i]
            writer.write({"__key__": f"{i:08d}", "jpg": path.read_bytes(), "cls": str(label).encode()})


def open(variant: str, job: Job) -> Loader:
    """Give a WebLoader."""
    picture = torchjob.transform(job, variant)

    def whole(sample: dict[str, bytes]) -> torch.Tensor:
        return picture(sample["jpg"])

    shards = sorted(map(str, job.data.glob("*.tar")))
    dataset = wds.WebDataset(shards, shardshuffle=len(shards)).shuffle(SHUFFLE).map(whole)
    dataset = dataset.batched(job.batch_size, collation_fn=torch.stack, partial=False)
    loader = wds.WebLoader(
        dataset, batch_size=None, num_workers=job.workers, persistent_workers=True, prefetch_factor=torchjob.PREFETCH
    )
    return Loader(loader, torchjob.PREFETCH * job.workers)


def versions() -> dict[str, str]:
    """Return what takes part."""
    return torchjob.versions("webdataset")
