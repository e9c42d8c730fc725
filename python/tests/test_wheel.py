"""The wheel: made twice the same, installed where there is nothing else, trained from."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import REPOSITORY

import stoker

SCRIPT = REPOSITORY / "scripts" / "mkwheel.py"

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")

TRAIN = """
import sys, numpy as np, stoker
assert stoker.__file__.startswith(sys.prefix), stoker.__file__
train, test = (
    stoker.Loader(sys.argv[1], 16, transforms=[stoker.Resize((8, 8)), *extra], dtype="float32", drop_last=False, **options)
    for extra, options in (([stoker.HorizontalFlip()], {}), ([], {"shuffle": False}))
)
weights = np.zeros((192, len(train.classes)), np.float32)
losses = []
for epoch in range(60):
    total = 0.0
    for batch in train:
        x, y = batch["image"].reshape(len(batch["label"]), -1) - 0.5, batch["label"]
        logits = x @ weights
        odds = np.exp(logits - logits.max(1, keepdims=True))
        odds /= odds.sum(1, keepdims=True)
        total -= np.log(odds[np.arange(len(y)), y]).sum()
        odds[np.arange(len(y)), y] -= 1
        weights -= 0.05 * x.T @ odds
    losses.append(total / 53)
right = sum(int(((b["image"].reshape(len(b["label"]), -1) - 0.5) @ weights).argmax(1).__eq__(b["label"]).sum()) for b in test)
print(losses[0], losses[-1], right / 53)
"""


def build(folder: Path, goarch: str = "amd64") -> Path:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--out", folder, "--goarch", goarch], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


def test_what_is_inside(wheel: Path) -> None:
    assert wheel.name == f"stoker-{stoker.__version__}-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        program = archive.getinfo("stoker/_bin/stoker")
        assert program.external_attr >> 16 & 0o111
        assert archive.read(program)[:4] == b"\x7fELF"
        assert {"stoker/__init__.py", "stoker/py.typed", "stoker/torch.py"} < set(names)
        assert not [n for n in names if "__pycache__" in n or "tests" in n]
        assert all(i.date_time == (1980, 1, 1, 0, 0, 0) for i in archive.infolist())
        dist = archive.read(f"stoker-{stoker.__version__}.dist-info/METADATA").decode()
    assert "Requires-Dist: numpy>=1.22\n" in dist


def test_the_same_bytes_again(wheel: Path, tmp_path: Path) -> None:
    assert build(tmp_path).read_bytes() == wheel.read_bytes()


def test_install_into_nothing_and_train(wheel: Path, tmp_path: Path, dataset: str) -> None:
    """Only numpy is there, taken from this environment: no index is asked."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    numpy = importlib.metadata.distribution("numpy")
    root = Path(str(numpy.locate_file("")))
    for name in {Path(str(f)).parts[0] for f in numpy.files or ()} - {".."}:
        os.symlink(root / name, Path(site) / name)

    environment = {k: v for k, v in os.environ.items() if k not in ("STOKER_BIN", "PYTHONPATH")}
    environment["PATH"] = "/usr/bin:/bin"

    def call(*arguments: object) -> str:
        done = subprocess.run(
            [python, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pip = ("-m", "pip", "--disable-pip-version-check")
    call(*pip, "install", "--no-index", "--quiet", wheel)
    assert "No broken requirements" in call(*pip, "check")
    assert stoker.__version__ in call("-m", "stoker", "--version")
    version = subprocess.run(
        [python.with_name("stoker"), "--version"], capture_output=True, text=True, check=True, env=environment
    )
    assert stoker.__version__ in version.stdout
    first, last, right = map(float, call("-c", TRAIN, dataset).split())
    assert last < first / 2
    assert right > 0.8
    call(*pip, "uninstall", "--quiet", "--yes", "stoker")
    assert not (Path(site) / "stoker").exists()
