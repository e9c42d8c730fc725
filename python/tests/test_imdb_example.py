"""The worked example of `make imdb`, with few texts that it makes itself."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import REPOSITORY

from stoker._binary import find


def test_the_example_trains_in_every_way(tmp_path: Path) -> None:
    for name in ("jax", "keras"):  # not imported: Keras would look for TensorFlow
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    script = REPOSITORY / "examples" / "imdb_keras" / "imdb.py"
    done = subprocess.run(
        [sys.executable, str(script), "--seeds", "1", "--epochs", "1", "--reviews", "192"],
        env={**os.environ, "STOKER_TEST_DATA": str(tmp_path), "STOKER_BIN": str(find()), "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = {line[:32].strip(): line[32:].split() for line in done.stdout.splitlines()[2:]}
    assert len(rows) == 5, done.stdout
    padding = {name.split("(")[0]: float(row[1].rstrip("%")) for name, row in rows.items()}
    assert padding["stoker.Packed"] < padding["stoker.Grouped"] < padding["stoker.Fixed"], done.stdout
    assert all(0 <= float(row[3]) <= 1 for row in rows.values()), done.stdout
