"""Writes small images of every kind into a folder, and what Pillow makes of them.

    python make_images.py images > goldens.jsonl           the files in this folder
    python make_images.py DIR --seed 7 --rounds 20         other random ones

A line holds the file's name, size, EXIF orientation and the SHA-256 of the pixels
of convert("RGB"). Needs Pillow and numpy.
"""

import argparse
import hashlib
import io
import json
import pathlib
import random
import struct
import warnings
import zlib

import numpy as np
from PIL import Image

ORIENTATION = 274


def picture(rng, width, height, channels=3, top=255):
    """Smooth colour with noise on it, as photographs have."""
    noise = np.random.default_rng(rng.getrandbits(32))
    y, x = np.mgrid[0:height, 0:width]
    planes = [(np.sin(x * rng.uniform(0.02, 0.3)) + np.cos(y * rng.uniform(0.02, 0.3)) + 2) / 4 for _ in range(channels)]
    pixels = np.stack(planes, -1) * top + noise.normal(0, top / 20, (height, width, channels))
    return np.clip(pixels, 0, top)


def image(rng, mode, width, height):
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = picture(rng, width, height, channels).astype(np.uint8)
    return Image.frombytes(mode, (width, height), pixels.tobytes())


def saved(im, kind, **options):
    out = io.BytesIO()
    im.save(out, kind, **options)
    return out.getvalue()


def oriented(rng):
    exif = Image.Exif()
    exif[ORIENTATION] = rng.randint(1, 8)
    return exif


def jpegs(rng, w, h):
    rgb = image(rng, "RGB", w, h)
    quality = rng.randint(10, 99)
    yield "grey.jpg", saved(image(rng, "L", w, h), "JPEG", quality=quality)
    for name, sampling in ("444", 0), ("422", 1), ("420", 2):
        yield f"{name}.jpg", saved(rgb, "JPEG", quality=quality, subsampling=sampling)
    yield "progressive.jpg", saved(rgb, "JPEG", progressive=True)
    yield "cmyk.jpg", saved(image(rng, "CMYK", w, h), "JPEG", quality=quality)
    yield "exif.jpg", saved(rgb, "JPEG", exif=oriented(rng))


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def rows(pixels, depth):
    """Packs samples (height, width, channels) into scanlines with filter 0."""
    height = pixels.shape[0]
    flat = pixels.reshape(height, -1)
    if depth == 16:
        body = flat.astype(">u2").view(np.uint8).reshape(height, -1)
    elif depth == 8:
        body = flat.astype(np.uint8)
    else:
        bits = np.unpackbits(flat.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - depth :]
        body = np.packbits(bits.reshape(height, -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in body)


ADAM7 = (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)


def png(pixels, depth, colour_type, interlace=False, extra=b""):
    """A PNG file of samples, for the kinds that Pillow does not write."""
    height, width = pixels.shape[:2]
    if interlace:
        passes = [pixels[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        data = b"".join(rows(p, depth) for p in passes if p.size)
    else:
        data = rows(pixels, depth)
    head = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra
            + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def pngs(rng, w, h):
    for mode in "1", "L", "LA", "RGB", "RGBA":
        im = image(rng, "L", w, h).convert("1") if mode == "1" else image(rng, mode, w, h)
        yield f"{mode}.png", saved(im, "PNG")
    yield "exif.png", saved(image(rng, "RGB", w, h), "PNG", exif=oriented(rng))
    channels = {0: 1, 2: 3, 4: 2, 6: 4}
    for colour_type, depths in (0, (1, 2, 4, 8, 16)), (2, (8, 16)), (4, (8, 16)), (6, (8, 16)):
        for depth in depths:
            pixels = picture(rng, w, h, channels[colour_type], 2**depth - 1)
            if depth == 16 and colour_type == 0 and rng.random() < 0.5:
                pixels = picture(rng, w, h, 1, 400)
            clear = struct.pack(">H", 1) * channels[colour_type]
            extra = chunk(b"tRNS", clear) if colour_type in (0, 2) and rng.random() < 0.5 else b""
            for interlace in (False, True):
                name = f"type{colour_type}-{depth}{'-adam7' if interlace else ''}.png"
                yield name, png(pixels.astype(int), depth, colour_type, interlace, extra)
    for depth in 1, 2, 4, 8:
        entries = rng.randint(2 if depth == 1 else 3, 2**depth)
        palette = chunk(b"PLTE", rng.randbytes(3 * entries))
        clear = chunk(b"tRNS", rng.randbytes(rng.randint(1, entries)))
        index = picture(rng, w, h, 1, entries - 1).astype(int)
        yield f"palette{depth}.png", png(index, depth, 3, rng.random() < 0.5, palette)
        yield f"palette{depth}-clear.png", png(index, depth, 3, False, palette + clear)
        beyond = picture(rng, w, h, 1, 2**depth - 1).astype(int)
        yield f"palette{depth}-beyond.png", png(beyond, depth, 3, False, palette)


def gif_on_screen(frame, width, height, x, y, background):
    """Moves a Pillow GIF's frame to (x, y) of a larger or smaller screen."""
    at = 13 + (3 << (frame[10] & 7) + 1 if frame[10] & 128 else 0)
    while frame[at : at + 1] == b"!":
        at += 2
        while frame[at]:
            at += 1 + frame[at]
        at += 1
    assert frame[at : at + 1] == b","
    head = frame[:6] + struct.pack("<HH", width, height) + frame[10:11] + bytes([background]) + frame[12:at]
    return head + b"," + struct.pack("<HH", x, y) + frame[at + 5 :]


def gifs(rng, w, h):
    colours = rng.randint(2, 256)
    palette = image(rng, "RGB", w, h).quantize(colours)
    yield "palette.gif", saved(palette, "GIF", interlace=0)
    yield "interlaced.gif", saved(palette, "GIF", interlace=1)
    yield "grey.gif", saved(image(rng, "L", w, h), "GIF")
    yield "clear.gif", saved(palette, "GIF", transparency=rng.randrange(colours))
    frames = [image(rng, "RGB", w, h).quantize(16) for _ in range(3)]
    yield "animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40)
    dx, dy = rng.randint(0, 5), rng.randint(1, 5)
    for name, options in ("small", {}), ("small-clear", {"transparency": 1}):
        frame = saved(palette, "GIF", **options)
        yield f"{name}.gif", gif_on_screen(frame, w + 2 * dx, h + 2 * dy, dx, dy, rng.randrange(colours))
    yield "beyond.gif", gif_on_screen(saved(palette, "GIF"), max(w - 2, 1), h, dx, dy, 0)


def bmps(rng, w, h):
    yield "1.bmp", saved(image(rng, "L", w, h).convert("1"), "BMP")
    for mode in "L", "RGB", "RGBA":
        yield f"{mode}.bmp", saved(image(rng, mode, w, h), "BMP")
    palette = image(rng, "RGB", w, h).quantize(rng.randint(2, 256))
    yield "palette.bmp", saved(palette, "BMP")
    upright = bytearray(saved(image(rng, "RGB", w, h), "BMP"))
    upright[22:26] = struct.pack("<i", -h)
    yield "top-down.bmp", bytes(upright)


def webps(rng, w, h):
    rgb, rgba = image(rng, "RGB", w, h), image(rng, "RGBA", w, h)
    quality = rng.randint(0, 100)
    yield "lossy.webp", saved(rgb, "WEBP", quality=quality)
    yield "lossy-alpha.webp", saved(rgba, "WEBP", quality=quality)
    yield "lossless.webp", saved(rgb, "WEBP", lossless=True)
    yield "lossless-alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True)
    yield "palette.webp", saved(rgb.quantize(rng.randint(2, 40)).convert("RGB"), "WEBP", lossless=True)
    yield "exif.webp", saved(rgb, "WEBP", exif=oriented(rng))
    frames = [image(rng, "RGBA", w, h) for _ in range(2)]
    for lossless in False, True:
        name = f"animated{'-lossless' if lossless else ''}.webp"
        yield name, saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=lossless)


def side(rng, round_number):
    return rng.randint(9, 23) if round_number == 0 else rng.choice([1, 2, rng.randint(1, 40), rng.randint(1, 200)])


def golden(name, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        im = Image.open(io.BytesIO(data))
        orientation = im.getexif().get(ORIENTATION, 1)
        rgb = im.convert("RGB")
    return {"name": name, "width": rgb.width, "height": rgb.height, "orientation": orientation,
            "sha256": hashlib.sha256(rgb.tobytes()).hexdigest()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    args.folder.mkdir(parents=True, exist_ok=True)
    for number in range(args.rounds):
        w, h = side(rng, number), side(rng, number)
        for kind in jpegs, pngs, gifs, bmps, webps:
            for name, data in kind(rng, w, h):
                name = f"{number}-{name}" if number else name
                (args.folder / name).write_bytes(data)
                print(json.dumps(golden(name, data)))


if __name__ == "__main__":
    main()
