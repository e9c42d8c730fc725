"""Pixels, against Pillow, with every random choice drawn a second time here.

The draws follow docs and sources of the engine: numbers depend on (seed, epoch,
sample, operation) alone. This is an independent copy of that rule, in Python.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Tuple

import numpy as np
import pytest
from conftest import SAMPLES, pixels_of

import stoker

PIL = pytest.importorskip("PIL", reason="Pillow is not installed")
from PIL import Image  # noqa: E402

Make = Callable[..., stoker.Loader]
ALL_ONES = 2**64 - 1
PILLOW = max(12, int(PIL.__version__.split(".")[0]))
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def mix(x: int) -> int:
    """SplitMix64's finalizer, as internal/rng has it."""
    x = (x + 0x9E3779B97F4A7C15) & ALL_ONES
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & ALL_ONES
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & ALL_ONES
    return x ^ x >> 31


class Numbers:
    """The random numbers of one operation on one sample."""

    def __init__(self, seed: int, epoch: int, sample: int, operation: int) -> None:
        self.key = mix(seed ^ 0x53746F6B6572)
        for part in (epoch, sample, operation):
            self.key = mix(mix(self.key) ^ part)
        self.counter = 0

    def bits(self) -> int:
        self.counter += 1
        return mix((self.key + self.counter * 0xD1342543DE82EF95) & ALL_ONES)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * ((self.bits() >> 11) / 2**53)

    def below(self, n: int) -> int:
        return (self.bits() * n) >> 64


def crop_box(numbers: Numbers, width: int, height: int, scale: Tuple[float, float]) -> Tuple[int, int, int, int]:
    """torchvision's RandomResizedCrop.get_params."""
    for _ in range(10):
        area = width * height * numbers.uniform(*scale)
        ratio = math.exp(numbers.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            x, y = numbers.below(width - w + 1), numbers.below(height - h + 1)
            return x, y, x + w, y + h
    w, h = width, height
    if width / height < 3 / 4:
        h = round(width / (3 / 4))
    elif width / height > 4 / 3:
        w = round(height * (4 / 3))
    x, y = (width - w) // 2, (height - h) // 2
    return x, y, x + w, y + h


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.9, 1.0)])
def test_random_resized_crop_is_pillows(make: Make, interpolation: str, scale: Any) -> None:
    size = (19, 23)
    crop = stoker.RandomResizedCrop(size, scale=scale, interpolation=interpolation, pillow=PILLOW)
    loader = make(image=crop, flip=True, seed=11, epoch=3)
    flips = 0
    for batch in loader:
        for index, got in zip(batch["index"], batch["image"]):
            image = Image.fromarray(pixels_of(int(index)))
            box = crop_box(Numbers(11, 3, int(index), 0), image.width, image.height, scale)
            expected = image.crop(box).resize(size[::-1], FILTERS[interpolation])
            if Numbers(11, 3, int(index), 1).uniform(0, 1) < 0.5:
                expected = expected.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                flips += 1
            assert np.array_equal(got, np.asarray(expected)), f"sample {index}, box {box}"
    assert 0 < flips < SAMPLES


def test_resize_and_center_crop_are_pillows(make: Make) -> None:
    loader = make(transforms=[stoker.Resize(32, pillow=PILLOW), stoker.CenterCrop(28)], shuffle=False)
    for batch in loader:
        for index, got in zip(batch["index"], batch["image"]):
            image = Image.fromarray(pixels_of(int(index)))
            short, long = sorted(image.size)
            sides = (32, int(32 * long / short))
            width, height = sides if image.width <= image.height else sides[::-1]
            x, y = round((width - 28) / 2), round((height - 28) / 2)
            expected = image.resize((width, height), FILTERS["bilinear"]).crop((x, y, x + 28, y + 28))
            assert np.array_equal(got, np.asarray(expected)), f"sample {index}"


def test_whole_pictures_come_out_as_they_went_in(make: Make) -> None:
    loader = make(
        transforms=[stoker.Pad((70, 70), fill=(1, 2, 3)), stoker.CenterCrop(70)], shuffle=False, dtype="float32"
    )
    for batch in loader:
        for index, got in zip(batch["index"], batch["image"]):
            picture = pixels_of(int(index))
            expected = np.tile(np.array([1, 2, 3], np.uint8), (70, 70, 1))
            y, x = (70 - picture.shape[0]) // 2, (70 - picture.shape[1]) // 2
            expected[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
            assert np.allclose(got, expected / np.float32(255), atol=1e-7)
