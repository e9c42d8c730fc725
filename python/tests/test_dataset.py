"""Looking things up without an engine."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import CLASSES, SAMPLES

import stoker
from stoker._arrow import TextColumn


def test_labels_keys_classes(dataset: str) -> None:
    found = stoker.Dataset(dataset)
    assert len(found) == len(found.labels) == len(found.keys) == SAMPLES
    assert found.classes == CLASSES
    assert found.labels.dtype == np.int64
    assert list(found.labels) == [i * len(CLASSES) // SAMPLES for i in range(SAMPLES)]
    assert found.keys[7] == "cat/007.png"
    assert found.keys[-1] == "fox/052.png"
    assert found.keys[1:3] == ["cat/001.png", "cat/002.png"]
    assert list(found.keys)[5] == "cat/005.png"
    assert len(found.fingerprint) >= 32
    with pytest.raises(IndexError):
        found.keys[SAMPLES]
    with pytest.raises(ValueError, match="read-only"):
        found.labels[0] = 3
    assert pickle.loads(pickle.dumps(found)).keys[7] == "cat/007.png"
    assert "53 samples" in repr(found)


def test_columns(labelled: str) -> None:
    found = stoker.Dataset(labelled)
    assert list(found.column("age")) == [7 * i for i in range(SAMPLES)]
    assert list(found.column("score")) == [i / 4 for i in range(SAMPLES)]
    assert [bool(v) for v in found.column("good")] == [bool(i % 2) for i in range(SAMPLES)]
    assert found.column("caption")[4] == "Bild 4 — ä"
    with pytest.raises(stoker.InvalidError, match="there are key, label"):
        found.column("none")


def test_pyarrow_reads_the_same(labelled: str) -> None:
    ipc = pytest.importorskip("pyarrow.ipc", reason="pyarrow is not installed")
    table = ipc.open_file(Path(labelled) / "index.arrow").read_all()
    found = stoker.Dataset(labelled)
    assert tuple(table.column_names) == found.fields
    for name in table.column_names:
        column = found.column(name)
        ours = list(column) if isinstance(column, TextColumn) else column.tolist()
        assert ours == table.column(name).to_pylist(), name


def test_several_record_batches_and_nulls(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from stoker._arrow import IndexFile

    path = tmp_path / "index.arrow"
    columns = {
        "text": pa.array(["a", None, "ö", "dd", "", "f"]),
        "small": pa.array([1, None, 3, 4, 5, None], pa.int32()),
        "flag": pa.array([True, False, None, True, True, False]),
        "byte": pa.array([1, 2, 3, 4, 5, 250], pa.uint8()),
        "half": pa.array([0.5, 1, 2, 3, 4, None], pa.float32()),
    }
    table = pa.table(columns)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)
    index = IndexFile(str(path))
    for name, values in columns.items():
        column = index.column(name)
        ours = list(column) if isinstance(column, TextColumn) else column.tolist()
        assert ours == values.to_pylist(), name


def test_what_is_not_a_dataset(tmp_path: Path, dataset: str) -> None:
    with pytest.raises(stoker.NotFoundError, match="stoker pack"):
        stoker.Dataset(tmp_path / "none.stk")
    (tmp_path / "half.stk.partial").mkdir()
    with pytest.raises(stoker.NotFoundError, match="did not finish"):
        stoker.Dataset(tmp_path / "half.stk")
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(stoker.InvalidError):
        stoker.Dataset(file)
    copy = tmp_path / "copy.stk"
    shutil.copytree(dataset, copy)
    manifest = (copy / "manifest.json").read_text()
    for text, error in (
        ("{", stoker.CorruptError),
        ("[]", stoker.CorruptError),
        (manifest.replace("stoker-dataset", "other"), stoker.CorruptError),
        (
            manifest.replace('"version": 1', '"version": 2').replace('"version":1', '"version":2'),
            stoker.UnsupportedError,
        ),
    ):
        (copy / "manifest.json").write_text(text)
        with pytest.raises(error):
            stoker.Dataset(copy)


def test_a_damaged_index_is_an_error(tmp_path: Path, dataset: str) -> None:
    copy = tmp_path / "copy.stk"
    shutil.copytree(dataset, copy)
    index = copy / "index.arrow"
    whole = index.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole[: int(random.integers(1, len(whole) + 1))])
        for _ in range(int(random.integers(0, 20))):
            damaged[int(random.integers(len(damaged)))] = int(random.integers(256))
        index.write_bytes(damaged)
        try:
            found = stoker.Dataset(copy)
            for name in found.fields:
                list(found.column(name))
        except stoker.StokerError:
            pass
