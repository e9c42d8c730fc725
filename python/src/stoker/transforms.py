"""What happens to each picture between the dataset and the batch.

A transform is a small frozen value; the engine does the work. All random choices
are drawn from (seed, epoch, sample, position in the list of transforms), before a
pixel is decoded, so they do not depend on workers, timing or the number of ranks.
Resizing is Pillow's antialiased resampling, bit for bit. The order of the list is
the order of the operations.

Sizes are ``(height, width)`` in pixels; one number means a square.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Dict, Optional, Sequence, Tuple, Union

import numpy as np

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Grayscale",
    "HorizontalFlip",
    "Normalize",
    "Pad",
    "RandomCrop",
    "RandomErasing",
    "RandomResizedCrop",
    "Resize",
    "Transform",
    "VerticalFlip",
]

Size = Union[int, Sequence[int]]
Padding = Union[int, Sequence[int]]
Colour = Tuple[int, int, int]
Strength = Union[float, Sequence[float]]
"""Of a colour change: ``x`` means the range ``[max(0, 1 - x), 1 + x]``, a pair is the range."""


def _pair(size: Size) -> Tuple[int, int]:
    if isinstance(size, (int, np.integer)):
        return int(size), int(size)
    height, width = size
    return int(height), int(width)


def _range(strength: Strength, center: float) -> Tuple[float, float]:
    if isinstance(strength, (int, float, np.integer, np.floating)):
        strength = float(strength)
        low = center - strength
        return (max(0.0, low) if center else low), center + strength
    low, high = strength
    return float(low), float(high)


@dataclasses.dataclass(frozen=True)
class Transform:
    """An operation of the engine. Use the classes below."""

    op: ClassVar[str] = ""

    def spec(self) -> Dict[str, Any]:
        """Return what the engine is sent: the operation's name and its settings."""
        values: Dict[str, Any] = {"op": self.op}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                values[field.name] = list(value) if isinstance(value, (tuple, list)) else value
        return values


@dataclasses.dataclass(frozen=True)
class RandomResizedCrop(Transform):
    """Crop a random area at a random aspect ratio and resize it, as torchvision does.

    Args:
        size: of the result.
        scale: range of the cropped share of the picture's area.
        ratio: range of the crop's width / height, drawn log-uniformly.
        interpolation: ``"bilinear"`` or ``"bicubic"``.
        pillow: major version of Pillow whose pixels are wanted: 13, or 12 for all
            before. They differ in the last bit of some pixels of tall pictures.
    """

    op: ClassVar[str] = "random_resized_crop"
    size: Size
    scale: Tuple[float, float] = (0.08, 1.0)
    ratio: Tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"
    pillow: int = 13

    def spec(self) -> Dict[str, Any]:
        """Return what the engine is sent."""
        return {**super().spec(), "size": list(_pair(self.size))}


@dataclasses.dataclass(frozen=True)
class Resize(Transform):
    """Resize the whole picture.

    Args:
        size: a pair for exactly that height and width; one number for the shorter
            side, as torchvision does.
        max: limit of the longer side; alone, the longer side itself.
        interpolation: ``"bilinear"`` or ``"bicubic"``.
        pillow: major version of Pillow whose pixels are wanted: 13, or 12 for all
            before. They differ in the last bit of some pixels of tall pictures.
    """

    op: ClassVar[str] = "resize"
    size: Optional[Size] = None
    max: Optional[int] = None
    interpolation: str = "bilinear"
    pillow: int = 13


@dataclasses.dataclass(frozen=True)
class CenterCrop(Transform):
    """Cut the middle out. A smaller picture is padded with black first."""

    op: ClassVar[str] = "center_crop"
    size: Size

    def spec(self) -> Dict[str, Any]:
        """Return what the engine is sent."""
        return {**super().spec(), "size": list(_pair(self.size))}


@dataclasses.dataclass(frozen=True)
class RandomCrop(Transform):
    """Cut an area of this size out at a random place.

    Args:
        size: of the result.
        padding: pixels added before: one number for all sides, a pair for left and
            right, top and bottom, or ``(left, top, right, bottom)``.
        fill: colour of what is added, as red, green, blue, each 0 to 255.
    """

    op: ClassVar[str] = "random_crop"
    size: Size
    padding: Padding = 0
    fill: Colour = (0, 0, 0)

    def spec(self) -> Dict[str, Any]:
        """Return what the engine is sent."""
        return {**super().spec(), "size": list(_pair(self.size))}


@dataclasses.dataclass(frozen=True)
class Pad(Transform):
    """Add pixels of one colour at the sides.

    Args:
        size: add what is missing to this size, with the picture in the middle; or
        padding: add so many pixels, in the forms that :class:`RandomCrop` takes.
        fill: red, green, blue, each 0 to 255.
    """

    op: ClassVar[str] = "pad"
    size: Optional[Size] = None
    padding: Optional[Padding] = None
    fill: Colour = (0, 0, 0)


@dataclasses.dataclass(frozen=True)
class HorizontalFlip(Transform):
    """Mirror left and right with probability ``p``."""

    op: ClassVar[str] = "horizontal_flip"
    p: float = 0.5


@dataclasses.dataclass(frozen=True)
class VerticalFlip(Transform):
    """Mirror top and bottom with probability ``p``."""

    op: ClassVar[str] = "vertical_flip"
    p: float = 0.5


@dataclasses.dataclass(frozen=True)
class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue by random factors, in random order.

    A number ``x`` means a factor from ``[max(0, 1 - x), 1 + x]`` (hue: a shift from
    ``[-x, x]``, in turns of the colour wheel, at most 0.5); a pair is the range itself.
    """

    op: ClassVar[str] = "color_jitter"
    brightness: Strength = 0.0
    contrast: Strength = 0.0
    saturation: Strength = 0.0
    hue: Strength = 0.0

    def spec(self) -> Dict[str, Any]:
        """Return what the engine is sent: only what changes anything."""
        values: Dict[str, Any] = {"op": self.op}
        for name, center in (("brightness", 1.0), ("contrast", 1.0), ("saturation", 1.0), ("hue", 0.0)):
            low, high = _range(getattr(self, name), center)
            if (low, high) != (center, center):
                values[name] = [low, high]
        return values


@dataclasses.dataclass(frozen=True)
class Grayscale(Transform):
    """Turn the picture grey, in three equal channels, with probability ``p``."""

    op: ClassVar[str] = "grayscale"
    p: float = 1.0


@dataclasses.dataclass(frozen=True)
class RandomErasing(Transform):
    """Fill a random rectangle with probability ``p`` (Zhong et al. 2017).

    Args:
        p: probability.
        scale: range of the erased share of the area.
        ratio: range of the rectangle's height / width, drawn log-uniformly.
        value: of an erased pixel: one number, or red, green and blue, each 0 to 255.
            Behind :class:`Normalize` in its units, where ``"random"`` gives noise.
    """

    op: ClassVar[str] = "random_erasing"
    p: float = 0.5
    scale: Tuple[float, float] = (0.02, 0.33)
    ratio: Tuple[float, float] = (0.3, 3.3)
    value: Union[float, Tuple[float, float, float], str] = 0.0


@dataclasses.dataclass(frozen=True)
class Normalize(Transform):
    """Give ``(x / 255 - mean) / std`` per channel; needs a float ``dtype``. The defaults are ImageNet's."""

    op: ClassVar[str] = "normalize"
    mean: Tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: Tuple[float, float, float] = (0.229, 0.224, 0.225)
