"""Times Pillow on the photographs and crops of the package's benchmarks.

    python jpeg/bench_pillow.py [folder of photographs]

Prints microseconds of processor time per image for decoding whole images to RGB, and for the
whole job: decoding, cropping and resizing to 224x224.
"""

import io
import math
import pathlib
import sys
import time

from PIL import Image, features

MASK = (1 << 64) - 1


class SplitMix:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return ((z ^ z >> 31) >> 11) / (1 << 53)


def random_resized_crop(seed, w, h):
    r, area = SplitMix(seed), w * h
    for _ in range(10):
        target = area * (0.08 + r.next() * 0.92)
        ratio = math.exp(math.log(0.75) + r.next() * (math.log(4 / 3) - math.log(0.75)))
        cw, ch = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
        if 0 < cw <= w and 0 < ch <= h:
            y = int(r.next() * (h - ch + 1))
            x = int(r.next() * (w - cw + 1))
            return x, y, x + cw, y + ch
    return 0, 0, w, h


def decode(data):
    return Image.open(io.BytesIO(data), formats=["JPEG"]).convert("RGB")


def job(data, seed):
    image = decode(data)
    box = random_resized_crop(seed, *image.size)
    return image.crop(box).resize((224, 224), Image.Resampling.BILINEAR).tobytes()


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent.parent / "shared" / "data" / "photos"
    data = [p.read_bytes() for p in sorted(folder.glob("*/*.JPEG"))]
    print(f"Pillow {Image.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}, {len(data)} photographs")
    for name, call in (("decode", lambda d, i: decode(d)), ("decode, crop, resize to 224", job)):
        times = []
        for _ in range(5):
            start = time.process_time()
            for i, d in enumerate(data):
                call(d, i)
            times.append((time.process_time() - start) / len(data) * 1e6)
        print(f"{name}: {sorted(times)[2]:.0f} us/image")


main()
