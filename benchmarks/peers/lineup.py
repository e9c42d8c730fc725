"""Who is compared, and with which settings."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Entry:
    """A row of the table.

    Attributes:
        name: unique.
        title: what the table calls it.
        module: in loaders/, which must not be named as a package it imports.
        variant: handed to the module.
        environment: in requirements/.
        data: what its data are, next to the photographs.
        settings: what was chosen, for the reader.
        worker_count: None means one for each core.
        data_key: entries of one module and key share their data.
    """

    name: str
    title: str
    module: str
    variant: str
    environment: str
    data: str
    settings: str
    worker_count: int | None = None
    data_key: str = "data"

    def workers(self, cores: int) -> int:
        """Return how many workers it gets."""
        return cores if self.worker_count is None else self.worker_count


FAST = "persistent workers, prefetch_factor 2"
AS_IS = "the files, as they are"
COPIED = "the same bytes, in its format"


def stoker(variant: str, title: str, data: str) -> Entry:
    """Return one of Stoker's rows."""
    settings = "one engine thread for each core, two batches ahead"
    return Entry(f"stoker-{variant}", f"Stoker, {title}", "stoker_", variant, "stoker", data, settings, data_key=variant)


def torch(decoder: str, workers: int) -> Entry:
    """Return one of DataLoader's rows."""
    title = f"PyTorch DataLoader, {'Pillow' if decoder == 'pillow' else 'torchvision'}, {workers} workers"
    settings = f"transforms v2; {FAST}" if workers else "transforms v2, in the training process"
    return Entry(f"torch-{decoder}-{workers}", title, "pytorch", decoder, "torch", AS_IS, settings, workers)


LINEUP = [
    stoker("untouched", "untouched", COPIED),
    stoker("indexed", "untouched + index", "the same bytes and an index"),
    stoker("recoded", "re-coded", "the same coefficients in another form"),
    stoker("resized", "short side 256 + index", "resized to 256, JPEG quality 90"),
    stoker("resized-recoded", "short side 256, re-coded", "resized to 256, quality 90, re-coded"),
    stoker("pixels", "pixels of 256 x 256", "decoded and resized to 256 x 256, stored as they are"),
    *(torch(decoder, workers) for decoder in ("pillow", "torchvision") for workers in (0, 1, 2)),
    Entry("ffcv", "FFCV", "ffcv_", "jpeg", "ffcv", "encoded anew by its writer, JPEG quality 90: fewer bytes", "JPEG mode, os_cache, RandomResizedCropRGBImageDecoder, two batches ahead"),
    Entry("dali", "NVIDIA DALI, CPU", "dali", "cpu", "dali", AS_IS, "image_random_crop of the CPU decoder, prefetch_queue_depth 2"),
    Entry("spdl", "SPDL", "spdl_", "ffmpeg", "spdl", AS_IS, "threads, one for each core; crop, scale and flip in its FFmpeg filter"),
    Entry("webdataset", "WebDataset", "webdataset_", "torchvision", "webdataset", "the same bytes in tar shards", f"torchvision decode_jpeg, transforms v2; WebLoader, {FAST}"),
    Entry("streaming", "MosaicML Streaming", "streaming_", "torchvision", "streaming", "the same bytes in MDS shards", f"torchvision decode_jpeg, transforms v2; local shards, DataLoader, {FAST}"),
    Entry("litdata", "LitData", "litdata_", "torchvision", "litdata", "the same bytes in its chunks", f"torchvision decode_jpeg, transforms v2; StreamingDataLoader, {FAST}"),
    Entry("grain", "Grain", "grain_", "pillow", "grain", AS_IS, "MapDataset, Pillow, a process for each core (mp_prefetch)"),
    Entry("datago", "datago", "datago_", "rust", "datago", AS_IS, "decodes whole pictures in Rust threads; has no RandomResizedCrop: Pillow crops and resizes in as many threads"),
    Entry("hf-datasets", "Hugging Face datasets", "hf", "torchvision", "hf", "the same bytes in Arrow files", f"Image(decode=False), torchvision decode_jpeg, with_transform; DataLoader, {FAST}"),
]
