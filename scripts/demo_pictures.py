"""Draw the demo's pictures: shapes and textures of random colour, size and turn."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("checks", "cross", "disc", "ring", "square", "star", "stripes", "triangle")
SIDE = 96


def draw_all(folder: Path, per_class: int, seed: int) -> int:
    """Write `per_class` JPEG files into a folder of each class; return their number."""
    random = np.random.default_rng(seed)
    for number, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            picture(name, random).save(folder / name / f"{i:04d}.jpg", quality=85)
        tell(number + 1, per_class)
    return per_class * len(CLASSES)


def tell(done: int, per_class: int) -> None:
    """Show how far it is, in a terminal."""
    if sys.stderr.isatty():
        end = "\r" if done < len(CLASSES) else "\r\033[K"
        print(f"  {done * per_class} of {len(CLASSES) * per_class}", end=end, file=sys.stderr, flush=True)


def picture(name: str, random: np.random.Generator) -> Image.Image:
    """Return one picture of a class."""
    back, front = two_colours(random)
    image = Image.new("RGB", (SIDE, SIDE), back)
    pen = ImageDraw.Draw(image)
    for _ in range(3):  # lines that mean nothing
        ends = [int(v) for v in random.integers(0, SIDE, 4)]
        pen.line(ends, fill=tuple(int(v) for v in random.integers(0, 256, 3)), width=2)
    mask = shape(name, random.uniform(0.26, 0.42) * SIDE, random.uniform(0, 360))
    x, y = (int(v) for v in random.integers(-SIDE // 8, SIDE // 8 + 1, 2))
    image.paste(front, (x, y), mask)
    noisy = np.asarray(image, np.float32) + random.normal(0, 14, (SIDE, SIDE, 3))
    light = np.linspace(random.uniform(0.6, 1.0), random.uniform(0.6, 1.0), SIDE)[:, None, None]
    return Image.fromarray(np.clip(noisy * light, 0, 255).astype(np.uint8))


def two_colours(random: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return two colours that differ enough to be told apart."""
    while True:
        back, front = random.integers(0, 256, (2, 3))
        if np.abs(back - front).sum() > 200:
            return tuple(int(v) for v in back), tuple(int(v) for v in front)


def shape(name: str, radius: float, angle: float) -> Image.Image:
    """Return the mask of a shape in the middle, turned by an angle in degrees."""
    mask = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(mask)
    c, r = SIDE / 2, radius
    box = (c - r, c - r, c + r, c + r)
    if name == "disc":
        pen.ellipse(box, fill=255)
    elif name == "ring":
        pen.ellipse(box, outline=255, width=int(r / 2.5))
    elif name == "square":
        pen.rectangle((c - 0.8 * r, c - 0.8 * r, c + 0.8 * r, c + 0.8 * r), fill=255)
    elif name == "triangle":
        pen.polygon(corners(3, c, r, r), fill=255)
    elif name == "star":
        pen.polygon(corners(10, c, 1.1 * r, 0.45 * r), fill=255)
    elif name == "cross":
        pen.rectangle((c - r, c - r / 4, c + r, c + r / 4), fill=255)
        pen.rectangle((c - r / 4, c - r, c + r / 4, c + r), fill=255)
    else:
        step = max(4, int(r / 2.5))
        for i, x in enumerate(range(int(c - r), int(c + r), step)):
            for j, y in enumerate(range(int(c - r), int(c + r), step)):
                if i % 2 == (j % 2 if name == "checks" else 0):
                    pen.rectangle((x, y, x + step - 1, y + step - 1), fill=255)
    return mask.rotate(angle, Image.Resampling.BILINEAR)


def corners(count: int, center: float, even: float, odd: float) -> list[tuple[float, float]]:
    """Return the corners of a polygon or, with two radii, of a star."""
    angles = [2 * math.pi * i / count for i in range(count)]
    radii = [odd if i % 2 else even for i in range(count)] if count > 3 else [even] * count
    return [(center + r * math.sin(a), center - r * math.cos(a)) for a, r in zip(angles, radii)]
