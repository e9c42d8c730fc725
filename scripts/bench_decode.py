#!/usr/bin/env python3
"""Compare what one training sample costs: JPEG bytes in memory to RandomResizedCrop(224), flip, uint8.

    make bench-decode PHOTOS=folder        or: python scripts/bench_decode.py FOLDER [--rounds N]

One core, one run, the ways interleaved in each round; processor time per image, median of the
rounds. "FFCV's way" is a whole decode by libjpeg-turbo with the fast inverse DCT, then a crop and
an area resize by OpenCV, which is what its decoder does. The third table begins with pixels of
256 x 256 instead of JPEGs; FFCV's way is its raw mode then. Formats other than JPEG follow.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import simplejpeg
from PIL import Image

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
IMAGES, GO_IMAGES = 150, 3000  # of one measurement
OTHER_IMAGES = 60  # of a format other than JPEG
FORMATS: dict[str, dict[str, object]] = {"PNG": {}, "WebP, quality 90": {"quality": 90}, "WebP, lossless": {"lossless": True}}
OFF = "cpu.avx512f=off,cpu.avx512vbmi=off"
WAYS = {
    "Stoker, untouched file, no index": ("decode-apply", ""),
    "Stoker, untouched + entropy index": ("decode-index-apply", ""),
    "Stoker, re-coded": ("decode-recoded-apply", ""),
    "Stoker, index, AVX-512 off": ("decode-index-apply", OFF),
    "Stoker, re-coded, AVX-512 off": ("decode-recoded-apply", OFF),
}
PIXEL_WAYS = {"Stoker, stored pixels": ("pixels-apply", ""), "Stoker, stored pixels, AVX-512 off": ("pixels-apply", OFF)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of class folders with JPEGs")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--stoker", type=Path, default=ROOT / "bin" / "stoker")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    options.photos = options.photos.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        test = Path(scratch) / "transform.test"
        subprocess.run(["go", "test", "-c", "-o", test, "./internal/transform"], cwd=ROOT, check=True)
        small = shrink(options.stoker, options.photos, Path(scratch))
        results = {}
        for name, folder in (("as found", options.photos), ("short side 256, quality 90", small)):
            results[name] = measure(test, folder, options.rounds, files(folder), {"Pillow": pillow, "FFCV's way": ffcv}, WAYS)
            report(name, results[name])
        name = "pixels of 256 x 256"
        data = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB").resize((256, 256))) for file in files(options.photos)]
        results[name] = measure(test, options.photos, options.rounds, data, {"Pillow": pillow_pixels, "FFCV's way": ffcv_pixels}, PIXEL_WAYS)
        report(name, results[name])
        for name, how in FORMATS.items():
            folder = convert(options.photos, Path(scratch) / name, name.split(",")[0], how)
            results[name] = measure(test, folder, options.rounds, files(folder), {"Pillow": pillow}, {"Stoker": ("decode-apply", "")}, 5 * OTHER_IMAGES)
            report(name, results[name])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))
    return 0


def shrink(stoker: Path, photos: Path, scratch: Path) -> Path:
    """Pack the photographs at 256 pixels and export them again."""
    (scratch / "256").mkdir()
    pack = [stoker, "pack", photos, "-o", scratch / "s.stk", "--resize", "short=256", "--entropy-index", "none"]
    for command in (pack, [stoker, "export", scratch / "s.stk", "-o", scratch / "256" / "photos"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return scratch / "256" / "photos"


def convert(photos: Path, scratch: Path, kind: str, how: dict[str, object]) -> Path:
    """Save some of the photographs in another format."""
    paths = sorted(photos.glob("*/*.[jJ][pP]*"))
    for number, path in enumerate(paths[:: max(len(paths) // OTHER_IMAGES, 1)][:OTHER_IMAGES]):
        (scratch / "photos" / str(number)).mkdir(parents=True)
        Image.open(path).convert("RGB").save(scratch / "photos" / str(number) / f"0.{kind.lower()}", **how)
    return scratch / "photos"


def files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*/*"))]


def measure(
    test: Path,
    folder: Path,
    rounds: int,
    data: Sequence[T],
    others: dict[str, Callable[[T, random.Random], object]],
    ways: dict[str, tuple[str, str]],
    go_images: int = GO_IMAGES,
) -> dict[str, float]:
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, job in others.items():
            times.setdefault(name, []).append(python_way(job, data))
        for name, (way, debug) in ways.items():
            times.setdefault(name, []).append(go_way(test, folder, way, debug, go_images))
    return {name: statistics.median(values) for name, values in times.items()}


def go_way(test: Path, folder: Path, way: str, debug: str, images: int) -> float:
    environment = os.environ | {"STOKER_TEST_DATA": str(folder.parent), "GODEBUG": debug, "GOMAXPROCS": "1"}
    command = [test, "-test.run", "^$", "-test.bench", f"Photographs/train-uint8/{way}$", "-test.benchtime", f"{images}x"]
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT / "internal" / "transform").stdout
    found = re.search(r"([\d.]+) cpu-us", out)
    if not found:
        sys.exit(f"no figure in: {out}")
    return float(found[1])


def python_way(job: Callable[[T, random.Random], object], data: Sequence[T]) -> float:
    draw = random.Random(1)
    begun = time.process_time()
    for index in range(IMAGES):
        job(data[index * len(data) // IMAGES], draw)
    return (time.process_time() - begun) * 1e6 / IMAGES


def pillow(data: bytes, draw: random.Random) -> object:
    return pillow_crop(Image.open(io.BytesIO(data)).convert("RGB"), draw)


def pillow_pixels(pixels: np.ndarray, draw: random.Random) -> object:
    return pillow_crop(Image.fromarray(pixels), draw)


def pillow_crop(image: Image.Image, draw: random.Random) -> object:
    x, y, w, h = crop(draw, *image.size)
    out = image.crop((x, y, x + w, y + h)).resize((224, 224), Image.Resampling.BILINEAR)
    if draw.random() < 0.5:
        out = out.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(out)


def ffcv(data: bytes, draw: random.Random) -> object:
    return ffcv_pixels(simplejpeg.decode_jpeg(data, fastdct=True), draw)


def ffcv_pixels(image: np.ndarray, draw: random.Random) -> object:
    x, y, w, h = crop(draw, image.shape[1], image.shape[0])
    out = cv2.resize(image[y : y + h, x : x + w], (224, 224), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(out[:, ::-1]) if draw.random() < 0.5 else out


def crop(draw: random.Random, width: int, height: int) -> tuple[int, int, int, int]:
    """torchvision's RandomResizedCrop with its defaults."""
    for _ in range(10):
        area = width * height * draw.uniform(0.08, 1)
        ratio = math.exp(draw.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return draw.randint(0, width - w), draw.randint(0, height - h), w, h
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side, side


def report(name: str, times: dict[str, float]) -> None:
    print(f"\n{name}: us of one core per image")
    for way, value in times.items():
        ratios = "".join(f"   {times[other] / value:5.1f} x {other}" for other in ("Pillow", "FFCV's way") if other in times)
        print(f"  {way:36} {value:8.1f}{ratios}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
