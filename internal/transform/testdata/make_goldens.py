"""Prints what torchvision's transforms on Pillow make of generated images.

    python make_goldens.py > goldens.jsonl              the goldens in this folder
    python make_goldens.py --seed 7 --count 500         other random cases

A line holds a transform's JSON, the source's size and orientation, and the SHA-256
of the sample. Random operations appear with ranges that leave no choice. The sizes
and roundings are torchvision's formulae, written out; the pixels are Pillow's.
Needs Pillow and numpy.
"""

import argparse
import hashlib
import json
import random

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def source(case):
    if "file" in case:
        return Image.open(case["file"]).convert("RGB")
    index = np.arange(case["width"] * case["height"] * 3, dtype=np.uint32)
    v = index * np.uint32(2654435761) + np.uint32(case["number"]) * np.uint32(40503)
    v ^= v >> np.uint32(15)
    v *= np.uint32(2246822519)
    v ^= v >> np.uint32(13)
    pixels = (v >> np.uint32(24)).astype(np.uint8)
    return Image.fromarray(pixels.reshape(case["height"], case["width"], 3))


def resize_to(image, width, height, op):
    """As the version of Pillow that op names; see internal/pixel/testdata/make_goldens.py."""
    kind = FILTERS[op["interpolation"]]
    if op["pillow"] == 13 and 0 < image.height - height > 2 * (image.width - width):
        return image.resize((image.width, height), kind).resize((width, height), kind)
    return image.resize((width, image.height), kind).resize((width, height), kind)


def resize(image, op):
    if "size" in op:
        return resize_to(image, op["size"][1], op["size"][0], op)
    short, long = sorted(image.size)
    if "short" in op:
        new_short, new_long = op["short"], int(op["short"] * long / short)
        if "max" in op and new_long > op["max"]:
            new_short, new_long = int(op["max"] * new_short / new_long), op["max"]
    else:
        new_short, new_long = int(op["max"] * short / long), op["max"]
    new_short = max(new_short, 1)
    width, height = (new_short, new_long) if image.width <= image.height else (new_long, new_short)
    return resize_to(image, width, height, op)


def expand(image, left, top, right, bottom, fill):
    return ImageOps.expand(image, (left, top, right, bottom), fill)


def center_crop(image, op):
    height, width = op["size"]
    dx, dy = max(width - image.width, 0), max(height - image.height, 0)
    image = expand(image, dx // 2, dy // 2, (dx + 1) // 2, (dy + 1) // 2, 0)
    x, y = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((x, y, x + width, y + height))


def pad(image, op):
    fill = tuple(op["fill"])
    if "padding" in op:
        return expand(image, *op["padding"], fill)
    dx, dy = max(op["size"][1] - image.width, 0), max(op["size"][0] - image.height, 0)
    return expand(image, dx // 2, dy // 2, (dx + 1) // 2, (dy + 1) // 2, fill)


def random_resized_crop(image, op):
    """Only for a scale of [1, 1] and one ratio: the whole, or the central fallback."""
    width, height = image.size
    ratio = op["ratio"][0]
    w, h = round((width * height * ratio) ** 0.5), round((width * height / ratio) ** 0.5)
    assert (w > width or h > height) or (w, h) == (width, height), "its place would be random"
    if (w, h) != (width, height):
        if width / height < ratio:
            w, h = width, round(width / ratio)
        elif width / height > ratio:
            w, h = round(height * ratio), height
        else:
            w, h = width, height
    x, y = (width - w) // 2, (height - h) // 2
    image = image.crop((x, y, x + w, y + h))
    return resize_to(image, op["size"][1], op["size"][0], op)


def adjust_hue(image, part):
    h, s, v = image.convert("HSV").split()
    shifted = np.array(h, dtype=np.uint8) + np.uint8(int(part * 255) % 256)
    return Image.merge("HSV", (Image.fromarray(shifted), s, v)).convert("RGB")


def color_jitter(image, op):
    for name, enhance in ("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast), ("saturation", ImageEnhance.Color):
        if name in op:
            image = enhance(image).enhance(op[name][0])
    return adjust_hue(image, op["hue"][0]) if "hue" in op else image


def horizontal_flip(image, op):
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if op["p"] else image


def vertical_flip(image, op):
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if op["p"] else image


def grayscale(image, op):
    return image.convert("L").convert("RGB") if op["p"] else image


def sample(image, spec):
    """ToTensor and Normalize in float32, then the dtype and layout."""
    pixels = np.asarray(image)
    dtype = spec["output"]["dtype"]
    if dtype != "uint8":
        pixels = pixels.astype(np.float32) / np.float32(255)
        for op in spec["ops"]:
            if op["op"] == "normalize":
                pixels = (pixels - np.float32(op["mean"])) / np.float32(op["std"])
    if dtype == "float16":
        pixels = pixels.astype(np.float16)
    if dtype == "bfloat16":
        bits = pixels.astype(np.float32).view(np.uint32)
        pixels = ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)
    if spec["output"]["layout"] == "NCHW":
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels).tobytes()


def result(case):
    spec, image = case["spec"], source(case)
    if spec.get("apply_orientation"):
        exif = image.getexif()
        exif[274] = case["orientation"]  # of a file's own EXIF convert() keeps nothing
        image = ImageOps.exif_transpose(image)
    for op in spec["ops"]:
        if op["op"] != "normalize":
            image = globals()[op["op"]](image, op)
    return sample(image, spec)


def random_size(rng):
    return [rng.randint(1, 40), rng.randint(1, 40)]


def random_geometry(rng):
    how = {"interpolation": rng.choice(list(FILTERS)), "pillow": rng.choice([12, 13])}
    exact = {"op": "resize", "size": random_size(rng), **how}
    short = {"op": "resize", "short": rng.randint(1, 40), **how}
    limited = {**short, "max": short["short"] + rng.randint(1, 30)}
    most = {"op": "resize", "max": rng.randint(1, 40), **how}
    middle = {"op": "center_crop", "size": random_size(rng)}
    ratio = rng.uniform(0.5, 2)
    crop = {"op": "random_resized_crop", "size": random_size(rng), "scale": [1, 1], "ratio": [ratio, ratio],
            **how}
    fill = [rng.randint(0, 255) for _ in range(3)]
    around = {"op": "pad", "padding": [rng.randint(0, 9) for _ in range(4)], "fill": fill}
    letterbox = {"op": "pad", "size": [most["max"] + rng.randint(0, 5)] * 2, "fill": fill}
    return rng.choice([[exact], [short, middle], [limited, middle], [most, letterbox], [middle], [crop],
                       [around, exact], [middle, around], [around, crop], [short, around, middle], [crop, middle]])


def random_colour(rng):
    p = float(rng.randint(0, 1))
    name = rng.choice(["brightness", "contrast", "saturation", "hue"])
    factor = rng.uniform(-0.5, 0.5) if name == "hue" else rng.uniform(0, 2)
    return rng.choice([{"op": "color_jitter", name: [factor, factor]}, {"op": "grayscale", "p": p},
                       {"op": "horizontal_flip", "p": p}, {"op": "vertical_flip", "p": p}])


def random_case(rng, number):
    ops = random_geometry(rng)
    for _ in range(rng.randint(0, 4)):
        ops.insert(rng.randint(0, len(ops)), random_colour(rng))
    dtype = rng.choice(["uint8", "uint8", "float32", "float16", "bfloat16"])
    if dtype != "uint8" and rng.random() < 0.8:
        ops.append({"op": "normalize", "mean": [rng.random() for _ in range(3)],
                    "std": [rng.uniform(0.1, 1) for _ in range(3)]})
    spec = {"ops": ops, "output": {"dtype": dtype, "layout": rng.choice(["NHWC", "NCHW"])}}
    if rng.random() < 0.3:
        spec["apply_orientation"] = True
    return {"number": number, "width": rng.randint(1, 60), "height": rng.randint(1, 60),
            "orientation": rng.randint(1, 8), "spec": spec}


def fixed_cases(rng, count):
    """Cases that leave no choice, with their results."""
    number = 0
    while number < count:
        case = random_case(rng, number)
        try:
            case["sha256"] = hashlib.sha256(result(case)).hexdigest()
        except AssertionError:
            continue
        number += 1
        yield case


def photographs(files):
    """The usual evaluation, and a training crop's shape, of whole files."""
    normalize = {"op": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    how = {"interpolation": "bilinear", "pillow": 13}
    specs = [
        {"ops": [{"op": "resize", "short": 256, **how}, {"op": "center_crop", "size": [224, 224]}],
         "output": {"dtype": "uint8", "layout": "NHWC"}},
        {"ops": [{"op": "center_crop", "size": [301, 263]}, {"op": "resize", "size": [224, 224], **how},
                 {"op": "horizontal_flip", "p": 1.0}, normalize],
         "output": {"dtype": "float32", "layout": "NCHW"}},
    ]
    for file in files:
        for spec in specs:
            case = {"file": file, "spec": spec}
            yield {**case, "sha256": hashlib.sha256(result(case)).hexdigest()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--photos", nargs="+", default=[], help="these files instead of random cases")
    args = parser.parse_args()
    for case in photographs(args.photos):
        print(json.dumps(case))
    if args.photos:
        return
    rng = random.Random(args.seed)
    for case in fixed_cases(rng, args.count):
        print(json.dumps(case))


if __name__ == "__main__":
    main()
