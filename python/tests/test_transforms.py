"""Transforms as values."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re

import numpy as np
import pytest
from conftest import REPOSITORY

import stoker
from stoker import transforms


@pytest.mark.parametrize(
    ("transform", "spec"),
    [
        (
            stoker.RandomResizedCrop(224),
            {"op": "random_resized_crop", "size": [224, 224], "scale": [0.08, 1.0], "ratio": [3 / 4, 4 / 3],
             "interpolation": "bilinear", "pillow": 13},
        ),
        (stoker.Resize(256), {"op": "resize", "size": 256, "interpolation": "bilinear", "pillow": 13}),
        (stoker.Resize((20, 30), interpolation="bicubic"), {"op": "resize", "size": [20, 30], "interpolation": "bicubic", "pillow": 13}),
        (stoker.Resize(max=512), {"op": "resize", "max": 512, "interpolation": "bilinear", "pillow": 13}),
        (stoker.CenterCrop((1, 2)), {"op": "center_crop", "size": [1, 2]}),
        (stoker.RandomCrop(32, padding=4), {"op": "random_crop", "size": [32, 32], "padding": 4, "fill": [0, 0, 0]}),
        (stoker.Pad(padding=(1, 2)), {"op": "pad", "padding": [1, 2], "fill": [0, 0, 0]}),
        (stoker.HorizontalFlip(), {"op": "horizontal_flip", "p": 0.5}),
        (stoker.VerticalFlip(0.1), {"op": "vertical_flip", "p": 0.1}),
        (
            stoker.ColorJitter(0.4, (0.5, 2.0), hue=0.1),
            {"op": "color_jitter", "brightness": [0.6, 1.4], "contrast": [0.5, 2.0], "hue": [-0.1, 0.1]},
        ),
        (stoker.ColorJitter(2.0), {"op": "color_jitter", "brightness": [0.0, 3.0]}),
        (stoker.Grayscale(), {"op": "grayscale", "p": 1.0}),
        (
            stoker.RandomErasing(value="random"),
            {"op": "random_erasing", "p": 0.5, "scale": [0.02, 0.33], "ratio": [0.3, 3.3], "value": "random"},
        ),
        (stoker.Normalize((0, 0, 0), (1, 1, 1)), {"op": "normalize", "mean": [0, 0, 0], "std": [1, 1, 1]}),
    ],
)  # fmt: skip
def test_specs(transform: stoker.Transform, spec: dict) -> None:
    assert transform.spec() == spec
    assert pickle.loads(pickle.dumps(transform)) == transform
    with pytest.raises(dataclasses.FrozenInstanceError):
        transform.p = 1


def test_every_operation_of_the_engine_has_a_class() -> None:
    source = (REPOSITORY / "internal" / "transform" / "spec.go").read_text()
    names = set(re.findall(r'^\t"([a-z_]+)":', source, re.MULTILINE))
    ours = {getattr(transforms, n).op for n in transforms.__all__} - {""}
    assert ours == names


def test_the_engines_words_reach_the_user(dataset: str) -> None:
    with pytest.raises(stoker.InvalidError, match="scale"):
        stoker.Loader(dataset, image=stoker.RandomResizedCrop(8, scale=(0.5, 0.1)))


def test_sizes_may_be_numpy_integers() -> None:
    size = np.int64(32)
    assert stoker.CenterCrop(size).spec() == stoker.CenterCrop(32).spec()
    assert json.dumps(stoker.CenterCrop((size, size)).spec()) == json.dumps(stoker.CenterCrop(32).spec())
    assert json.dumps(stoker.ColorJitter(np.float32(0.5)).spec()) == json.dumps(stoker.ColorJitter(0.5).spec())
