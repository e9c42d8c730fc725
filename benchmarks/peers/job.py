"""The job that all peers do, and the proof that they did it."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 224
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class Job:
    """RandomResizedCrop 224 (bilinear, antialiased) and a flip, in batches.

    uint8 pictures are NHWC; float32 ones are normalised by ImageNet's mean and
    deviation, NCHW.
    """

    data: Path
    batch_size: int
    dtype: str
    workers: int

    @property
    def floats(self) -> bool:
        """Whether pictures are float32, normalised, NCHW."""
        return self.dtype == "float32"

    def check(self, batch: Any) -> dict[str, Any]:
        """Refuse a batch that is not what was asked for; return what it looks like."""
        pixels = np.asarray(batch)
        shape = (3, SIZE, SIZE) if self.floats else (SIZE, SIZE, 3)
        if pixels.shape != (self.batch_size, *shape) or pixels.dtype != self.dtype:
            raise ValueError(f"a batch of {pixels.dtype} {pixels.shape}, wanted {self.dtype} {shape}")
        mean, deviation = float(pixels.mean(dtype=np.float64)), float(pixels.astype(np.float32).std())
        low, high = ((-0.9, 0.9), (0.7, 1.7)) if self.floats else ((70, 160), (40, 95))
        if not (low[0] < mean < low[1] and high[0] < deviation < high[1]):
            raise ValueError(f"mean {mean:.2f}, deviation {deviation:.2f}: these are not photographs")
        return {"shape": list(pixels.shape), "mean": mean, "deviation": deviation}


def crop_box(width: int, height: int, draw: Any = random) -> tuple[int, int, int, int]:
    """Draw RandomResizedCrop's (left, top, width, height), for peers that have none.

    Scale 0.08 to 1, ratio 3/4 to 4/3, log-uniform; ten tries, then the centre, as
    Szegedy et al. 2015 and torchvision's documentation describe.
    """
    for _ in range(10):
        area = width * height * draw.uniform(0.08, 1.0)
        ratio = math.exp(draw.uniform(math.log(3 / 4), math.log(4 / 3)))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            return draw.randint(0, width - wide), draw.randint(0, height - high), wide, high
    wide = min(width, round(height * 4 / 3))
    high = min(height, round(width * 4 / 3))
    return (width - wide) // 2, (height - high) // 2, wide, high


class Loader:
    """What every module's open() returns: epochs by iteration, and an end.

    Attributes:
        ahead: batches that may lie ready before anybody asks, at most.
    """

    def __init__(self, epochs: Any, ahead: int, close: Any = None) -> None:
        self.epochs, self.ahead, self._close = epochs, ahead, close
        self.pids: list[int] = []

    def __iter__(self) -> Iterator[Any]:
        return iter(self.epochs() if callable(self.epochs) else self.epochs)

    def close(self) -> None:
        """Stop the peer's workers."""
        if self._close:
            self._close()
        self.epochs = None


def normalised(batch: np.ndarray) -> np.ndarray:
    """Return float32 NCHW of uint8 NHWC, for peers that leave this to their user."""
    scale = np.float32(1 / 255) / np.asarray(STD, np.float32)
    shift = np.asarray(MEAN, np.float32) / np.asarray(STD, np.float32)
    out = np.empty((len(batch), 3, SIZE, SIZE), np.float32)
    for channel in range(3):
        np.multiply(batch[..., channel], scale[channel], out=out[:, channel], dtype=np.float32)
        out[:, channel] -= shift[channel]
    return out
