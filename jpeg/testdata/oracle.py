"""Decodes JPEG images with Pillow for the differential tests.

Reads records of (partial: u32, length: u32, bytes) from standard input and
answers each with (width: u32, height: u32, RGB pixels), or (0, length of the
message, message) where Pillow refuses the image. Numbers are little-endian.
"""

import io
import struct
import sys

from PIL import Image, ImageFile

Image.MAX_IMAGE_PIXELS = None


def decode(data, partial):
    ImageFile.LOAD_TRUNCATED_IMAGES = partial
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return image.convert("RGB")


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(8):
        partial, length = struct.unpack("<II", head)
        data = source.read(length)
        try:
            image = decode(data, bool(partial))
        except Exception as error:  # the message is the answer
            text = f"{type(error).__name__}: {error}".encode()
            sink.write(struct.pack("<II", 0, len(text)) + text)
        else:
            sink.write(struct.pack("<II", *image.size) + image.tobytes())
        sink.flush()


main()
