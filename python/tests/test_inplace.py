"""A folder used without packing: the same pictures, labels and states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import CLASSES, SAMPLES

import stoker


def test_a_folder_is_a_dataset(pictures: Path, dataset: str) -> None:
    options = {"batch_size": 16, "seed": 3, "image": stoker.RandomResizedCrop(32)}
    fields = ["image", "label", "index", "key"]
    with (
        stoker.Loader(pictures, fields=fields, **options) as plain,
        stoker.Loader(dataset, fields=fields, **options) as packed,
    ):
        assert len(plain) == len(packed) and plain.classes == CLASSES
        for _ in range(2):
            count = 0
            for a, b in zip(plain, packed):
                count += a.valid
                for name in ("image", "label", "index"):
                    np.testing.assert_array_equal(a[name], b[name])
                assert list(a["key"]) == list(b["key"])
            assert count == SAMPLES
        state = plain.state_dict()
    with stoker.Loader(pictures, **options) as again:
        again.load_state_dict(state)
        assert again.epoch == state["epoch"]
    with stoker.Loader(dataset, **options) as packed, pytest.raises(stoker.MismatchError):
        packed.load_state_dict(state)  # known by name and length alone, it is another dataset


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(stoker.NotFoundError, match="holds no pictures.*notes.txt"):
        stoker.Loader(tmp_path)
