"""Prints what Pillow makes of generated images, one JSON case per line.

    python make_goldens.py > goldens.jsonl              the goldens in this folder
    python make_goldens.py --seed 7 --count 500         other random cases

A case holds the parameters and the SHA-256 of Pillow's pixels; the Go test makes
the same source image from its number and compares. Needs Pillow and numpy.
"""

import argparse
import hashlib
import json
import random

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageOps

VERSION = int(PIL.__version__.split(".")[0])

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


def source(case):
    """The image of a case: a hash of the byte's index, or only 0 and 255, or every colour."""
    width, height = case["width"], case["height"]
    index = np.arange(width * height * 3, dtype=np.uint32)
    if case["style"] == "colours":
        pixels = (index // 3) >> (8 * (index % 3))
    else:
        v = index * np.uint32(2654435761) + np.uint32(case["number"]) * np.uint32(40503)
        v ^= v >> np.uint32(15)
        v *= np.uint32(2246822519)
        v ^= v >> np.uint32(13)
        pixels = v >> np.uint32(24)
        if case["style"] == "extremes":
            pixels = (pixels >> np.uint32(7)) * np.uint32(255)
    return Image.fromarray((pixels & 255).astype(np.uint8).reshape(height, width, 3))


def adjust_hue(image, part):
    """As torchvision.transforms.functional's adjust_hue does on Pillow images."""
    h, s, v = image.convert("HSV").split()
    shifted = np.array(h, dtype=np.uint8) + np.uint8(int(part * 255) % 256)
    return Image.merge("HSV", (Image.fromarray(shifted), s, v)).convert("RGB")


def resized(image, case):
    """Image.resize, pass by pass, so that every version of Pillow can play every other.

    Versions up to 12 begin with the rows; 13 begins with the columns where the height
    loses more than twice as many pixels as the width.
    """
    box = case.get("box") or (0, 0, image.width, image.height)
    width, height, kind = case["out_width"], case["out_height"], FILTERS[case["filter"]]
    if case["filter"] == "nearest":
        return image.resize((width, height), kind, box=box)
    lost = image.height - height
    x0, y0, x1, y1 = box
    if not case["rows_first"] and 0 < lost > 2 * (image.width - width):
        columns = image.resize((image.width, height), kind, box=(0, y0, image.width, y1))
        result = columns.resize((width, height), kind, box=(x0, 0, x1, height))
    else:
        rows = image.resize((width, image.height), kind, box=(x0, 0, x1, image.height))
        result = rows.resize((width, height), kind, box=(0, y0, width, y1))
    if case["rows_first"] == (VERSION < 12) and not 12 <= VERSION < 13:
        assert result.tobytes() == image.resize((width, height), kind, box=box).tobytes(), case
    return result


def oriented(image, orientation):
    exif = image.getexif()
    exif[274] = orientation
    return ImageOps.exif_transpose(image)


RESULTS = {
    "resize": resized,
    "orient": lambda image, case: oriented(image, case["orientation"]),
    "brightness": lambda image, case: ImageEnhance.Brightness(image).enhance(case["factor"]),
    "contrast": lambda image, case: ImageEnhance.Contrast(image).enhance(case["factor"]),
    "saturation": lambda image, case: ImageEnhance.Color(image).enhance(case["factor"]),
    "hue": lambda image, case: adjust_hue(image, case["factor"]),
    "grayscale": lambda image, case: image.convert("L").convert("RGB"),
}


def result(case):
    return RESULTS[case["op"]](source(case), case)


def side(rng, most):
    """Small and large sides, and often the same ones."""
    return rng.choice([1, 2, 3, 5, rng.randint(1, 20), rng.randint(1, most), rng.randint(1, most)])


def random_box(rng, width, height):
    def edges(size):
        if rng.random() < 0.2:
            return 0.0, float(size)
        a, b = sorted((np.float32(rng.uniform(0, size)), np.float32(rng.uniform(0, size))))
        return (float(a), float(b)) if b - a > 1e-3 else (0.0, float(size))

    (x0, x1), (y0, y1) = edges(width), edges(height)
    return [x0, y0, x1, y1]


def random_resize(rng, most):
    width, height = side(rng, most), side(rng, most)
    case = {"op": "resize", "filter": rng.choice(list(FILTERS)[:2] * 3 + list(FILTERS)),
            "out_width": side(rng, most), "out_height": side(rng, most)}
    if rng.random() < 0.2:
        case["out_width"] = width
    if rng.random() < 0.2:
        case["out_height"] = height
    case["rows_first"] = rng.random() < 0.3
    if rng.random() < 0.4:
        case["box"] = random_box(rng, width, height)
    return width, height, case


def random_colour(rng):
    op = rng.choice(["brightness", "contrast", "saturation", "hue", "grayscale"])
    case = {"op": op}
    if op == "hue":
        case["factor"] = rng.choice([0.0, 0.5, -0.5, rng.uniform(-0.5, 0.5)])
    elif op != "grayscale":
        case["factor"] = rng.choice([0.0, 1.0, rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(1, 3)])
    return case


def random_case(rng, number, most):
    kind = rng.random()
    if kind < 0.6:
        width, height, case = random_resize(rng, most)
    else:
        width, height = side(rng, most), side(rng, most)
        case = random_colour(rng) if kind < 0.85 else {"op": "orient", "orientation": rng.randint(1, 8)}
    style = rng.choice(["noise", "noise", "extremes"])
    return {"number": number, "style": style, "width": width, "height": height, **case}


def every_colour():
    """Hue over all 2**24 colours, for the conversions to HSV and back."""
    for factor in (0.0, 0.3, -0.1):
        yield {"number": 0, "style": "colours", "width": 4096, "height": 4096, "op": "hue", "factor": factor}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--most", type=int, default=150, help="largest side")
    parser.add_argument("--colours", action="store_true", help="also every colour through HSV")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    cases = [random_case(rng, number, args.most) for number in range(args.count)]
    if args.colours:
        cases += every_colour()
    for case in cases:
        image = result(case)
        case["sha256"] = hashlib.sha256(image.tobytes()).hexdigest()
        print(json.dumps(case))


if __name__ == "__main__":
    main()
