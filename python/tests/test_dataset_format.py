"""What docs/formats/dataset.md promises, seen by other programs, and the commands that look at datasets."""

from __future__ import annotations

import json
import subprocess
import zlib
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pytest
from conftest import CLASSES, SAMPLES, run

from stoker import _binary

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
ipc = pytest.importorskip("pyarrow.ipc", reason="pyarrow is not installed")

PAGE = 4096  # record batch bodies of shards start at multiples of it
BUFFER = 64  # buffers inside a body
POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected


def crc_table() -> List[int]:
    """Return the byte table of CRC-32C."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = crc_table()


def crc32c(data: Any) -> int:
    """Return the CRC-32C of bytes."""
    crc = 0xFFFFFFFF
    for byte in bytes(data):
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@pytest.fixture(scope="module")
def folder(labelled: str) -> Path:
    """Return the folder of a dataset with further fields and nulls."""
    return Path(labelled)


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Any:
    """Return the manifest of the dataset."""
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def shards(folder: Path, manifest: Any) -> List[Path]:
    """Return the paths of the shards."""
    return [folder / shard["file"] for shard in manifest["shards"]]


def mapped(path: Path) -> Tuple[Any, Any]:
    """Return a buffer over the memory map of a file, and an Arrow reader of it."""
    whole = pa.memory_map(str(path)).read_buffer()
    return whole, ipc.open_file(whole)


def buffers(batch: Any) -> Iterator[Any]:
    """Yield the buffers of a record batch that hold something."""
    for column in batch.columns:
        yield from (b for b in column.buffers() if b is not None and b.size)


def test_crc32c_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_manifest_tells_the_files(folder: Path, manifest: Any) -> None:
    assert manifest["format"] == "stoker-dataset"
    assert manifest["version"] == 1
    assert manifest["samples"] == sum(shard["rows"] for shard in manifest["shards"]) == SAMPLES
    files = [manifest["index"], *manifest["shards"], *manifest["entropy"]["files"]]
    for info in files:
        data = (folder / info["file"]).read_bytes()
        assert len(data) == info["bytes"]
        assert f"{crc32c(data):08x}" == info["crc32c"]
    names = {info["file"] for info in files}
    assert {path.name for path in folder.iterdir()} == names | {"manifest.json"}
    caption = next(field for field in manifest["fields"] if field["name"] == "caption")
    assert (caption["type"], caption["nulls"]) == ("utf8", 1)
    assert caption["max_bytes"] == max(len(f"Bild {i} — ä".encode()) for i in range(SAMPLES))


def test_every_row_holds_its_file(folder: Path, manifest: Any, pictures: Path) -> None:
    rows = [row for path in shards(folder, manifest) for row in mapped(path)[1].read_all().to_pylist()]
    files = sorted(pictures.rglob("*.png"))
    assert len(rows) == len(files) == SAMPLES
    for i, (row, file) in enumerate(zip(rows, files)):
        assert row["key"] == file.relative_to(pictures).as_posix()
        assert row["image"] == file.read_bytes()
        assert row["crc32c"] == crc32c(row["image"])
        assert row["label"] == i % 3
        assert (row["width"], row["height"]) == tuple(
            int.from_bytes(row["image"][at : at + 4], "big") for at in (16, 20)
        )
        assert (row["orientation"], row["format"]) == (1, 2)
        assert (row["age"], row["score"], row["good"]) == (7 * i, i / 4, bool(i % 2))
        assert row["caption"] == (None if i == 3 else f"Bild {i} — ä")


def test_index_points_to_every_image(folder: Path, manifest: Any) -> None:
    files = [path.read_bytes() for path in shards(folder, manifest)]
    rows = mapped(folder / manifest["index"]["file"])[1].read_all()
    rows.validate(full=True)
    held = [row for path in shards(folder, manifest) for row in mapped(path)[1].read_all().to_pylist()]
    for row, shard_row in zip(rows.to_pylist(), held):
        blob = files[row["shard"]][row["offset"] : row["offset"] + row["length"]]
        assert blob == shard_row["image"]
        assert row["crc32c"] == crc32c(blob)
        same = rows.column_names[:6] + rows.column_names[9:]
        assert {name: row[name] for name in same} == {name: shard_row[name] for name in same}


def test_mapped_without_a_copy_and_aligned(folder: Path, manifest: Any) -> None:
    for path in [folder / manifest["index"]["file"], *shards(folder, manifest)]:
        whole, reader = mapped(path)
        before = pa.total_allocated_bytes()
        batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        assert pa.total_allocated_bytes() == before
        for batch in batches:
            batch.validate(full=True)
            places = [buffer.address - whole.address for buffer in buffers(batch)]
            assert all(0 <= at < whole.size for at in places), "a buffer lies outside the map: it was copied"
            assert all(at % BUFFER == 0 for at in places)
            if path.name != "index.arrow":
                assert places[0] % PAGE == 0, "the body does not begin at a page"


def test_a_stream_begins_at_byte_8(folder: Path, manifest: Any) -> None:
    for path in [folder / manifest["index"]["file"], *shards(folder, manifest)]:
        whole, reader = mapped(path)
        assert ipc.open_stream(whole[8:]).read_all().equals(reader.read_all())


def test_polars_reads_it(folder: Path, manifest: Any) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.read_ipc(folder / "index.arrow")
    assert frame.height == SAMPLES
    assert frame["label"].to_list() == [i % 3 for i in range(SAMPLES)]
    lazy = polars.scan_ipc([str(path) for path in shards(folder, manifest)])
    assert lazy.select(polars.len()).collect().item() == SAMPLES


def test_duckdb_reads_it(folder: Path, manifest: Any) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    files = pytest.importorskip("pyarrow.dataset", reason="pyarrow is built without datasets")
    con = duckdb.connect()
    con.register("shards", files.dataset([str(path) for path in shards(folder, manifest)], format="ipc"))
    assert con.sql("select count(*), sum(age) from shards").fetchall() == [(SAMPLES, 7 * sum(range(SAMPLES)))]


def test_packed_again_it_is_the_same(pictures: Path, dataset: str, tmp_path: Path) -> None:
    again, out = tmp_path / "again.stk", tmp_path / "files"
    run("export", dataset, "-o", out)
    names = sorted(path.relative_to(pictures) for path in pictures.rglob("*.png"))
    assert names == sorted(path.relative_to(out) for path in out.rglob("*.*"))
    assert all((out / name).read_bytes() == (pictures / name).read_bytes() for name in names)
    run("pack", out, "-o", again)
    for path in Path(dataset).iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_verify_names_the_damaged_picture(dataset: str, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.stk"
    damaged.mkdir()
    for path in Path(dataset).iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    run("verify", damaged)
    row = mapped(damaged / "index.arrow")[1].read_all().slice(11, 1).to_pylist()[0]
    with (damaged / "data-00000.arrow").open("r+b") as file:
        file.seek(row["offset"] + 30)
        byte = file.read(1)[0]
        file.seek(row["offset"] + 30)
        file.write(bytes([byte ^ 1]))
    done = subprocess.run(
        [_binary.find(), "verify", str(damaged), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4, done.stderr
    report = json.loads(done.stdout)
    assert report["bad_samples"] == 1
    assert [problem["key"] for problem in report["problems"]] == [row["key"]]


def test_inspect_tells_what_is_there(labelled: str, dataset: str, tmp_path: Path) -> None:
    facts = json.loads(run("inspect", labelled, "--json").stdout)
    assert facts["samples"] == SAMPLES
    assert facts["formats"] == [{"name": "png", "samples": SAMPLES}]
    assert [field["name"] for field in facts["fields"]] == ["caption", "age", "score", "good"]
    sheet = tmp_path / "sheet.png"
    text = run("inspect", dataset, "--sheet", sheet, "--samples", 9).stdout
    assert all(name in text for name in CLASSES)
    data = sheet.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert zlib.crc32(data[12:29]) == int.from_bytes(data[29:33], "big")
