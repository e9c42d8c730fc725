"""Fixtures: small datasets made by the real program, and engines of the tests' own."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
import uuid
import zlib
from pathlib import Path
from typing import Any, Callable, Iterator, List

import numpy as np
import pytest

import stoker
from stoker import _binary, _engine

REPOSITORY = Path(__file__).resolve().parents[2]
LONG = bool(os.environ.get("STOKER_LONG"))
SAMPLES = 53
CLASSES = ("cat", "dog", "emu", "fox")


def png(pixels: np.ndarray) -> bytes:
    """Return pixels (height, width, 3) as a PNG file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(name, data)
        for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    )


def pixels_of(number: int) -> np.ndarray:
    """Return the picture of a sample: smooth, so that resampling shows, and of its own size."""
    random = np.random.default_rng(number)
    height, width = (int(v) for v in random.integers(20, 70, 2))
    coarse = random.integers(0, 256, (5, 5, 3)).astype(float)
    y, x = np.linspace(0, 4, height), np.linspace(0, 4, width)
    rows = np.stack([np.stack([np.interp(x, range(5), coarse[i, :, c]) for c in range(3)], 1) for i in range(5)])
    image = np.stack([[np.interp(y, range(5), rows[:, j, c]) for c in range(3)] for j in range(width)], 1)
    return np.ascontiguousarray(image.transpose(2, 1, 0).round().astype(np.uint8))


def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the program and check that it succeeds."""
    done = subprocess.run(
        [_binary.find(), *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session", autouse=True)
def engine_name() -> Iterator[str]:
    """Give the tests an engine apart from the user's."""
    name = f"@stoker-test/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    os.environ["STOKER_ENGINE"] = name
    yield name
    os.environ.pop("STOKER_ENGINE", None)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests' indexes out of the user's cache."""
    os.environ["STOKER_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("STOKER_CACHE_DIR", None)


@pytest.fixture
def own_engine(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give one test an engine of its own, to kill."""
    name = f"@stoker-test/{os.getpid()}/{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("STOKER_ENGINE", name)
    return name


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of class folders with PNG files."""
    folder = tmp_path_factory.mktemp("pictures") / "src"
    for i in range(SAMPLES):
        place = folder / CLASSES[i * len(CLASSES) // SAMPLES]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i:03d}.png").write_bytes(png(pixels_of(i)))
    return folder


@pytest.fixture(scope="session")
def dataset(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a packed dataset of 53 pictures in four classes; sample i is pixels_of(i)."""
    target = tmp_path_factory.mktemp("packed") / "small.stk"
    run("pack", pictures, "-o", target)
    return str(target)


@pytest.fixture(scope="session")
def labelled(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a dataset made by a labels file with further columns."""
    folder = tmp_path_factory.mktemp("labelled")
    lines = ["path,label,caption,age,score,good"]
    for i, path in enumerate(sorted(pictures.rglob("*.png"))):
        caption = "" if i == 3 else f"Bild {i} — ä"
        lines.append(f"{path.relative_to(pictures)},{i % 3},{caption},{i * 7},{i / 4},{'true' if i % 2 else 'false'}")
    labels = folder / "labels.csv"
    labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
    run("pack", pictures, "--labels", labels, "-o", folder / "labelled.stk")
    return str(folder / "labelled.stk")


@pytest.fixture
def make(dataset: str) -> Iterator[Callable[..., stoker.Loader]]:
    """Return a maker of small loaders, which are closed after the test."""
    made: List[stoker.Loader] = []

    def make_loader(path: str = dataset, batch_size: int = 8, **options: Any) -> stoker.Loader:
        if "transforms" not in options:
            options.setdefault("image", stoker.RandomResizedCrop(16))
        made.append(stoker.Loader(path, batch_size, **options))
        return made[-1]

    yield make_loader
    for loader in made:
        loader.close()


def engine_pid(loader: Any) -> int:
    """Return the process id of the engine that a loader is connected to."""
    return loader._main_session().engine_pid


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def listening(name: str) -> bool:
    """Whether an engine listens at a name."""
    os.environ["STOKER_ENGINE"], before = name, os.environ.get("STOKER_ENGINE")
    try:
        sock = _engine._dial(name)
    finally:
        if before is not None:
            os.environ["STOKER_ENGINE"] = before
    if sock is None:
        return False
    sock.close()
    return True


# How long tests wait for what others do at once where they get to run.
PATIENCE_S = 60.0


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
    """Whether a condition comes true before the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return condition()


def script(text: str, *arguments: Any, **options: Any) -> subprocess.Popen[str]:
    """Start a Python program that can import the package."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    environment.update(options.pop("env", {}))
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process: subprocess.Popen[str], seconds: float = 4 * PATIENCE_S) -> str:
    """Wait for a program, check that it succeeded, and return what it printed."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        out, err = process.communicate(timeout=PATIENCE_S)
        raise AssertionError(f"the program hangs:\n{out}\n{err}") from None
    assert process.returncode == 0, err
    return out
