"""The sampler in real frameworks: those that this Python has."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SAMPLER = Path(__file__).parents[2] / "internal/run/sampler/py"

TORCH = """
    import sys, time, torch

    class Slow(torch.utils.data.Dataset):
        def __init__(self, seconds):
            self.seconds = seconds

        def __len__(self):
            return 320

        def __getitem__(self, i):
            time.sleep(self.seconds / 4)
            return torch.zeros(8)

    if __name__ == "__main__":
        begin = time.monotonic()  # until the sampler has found it
        while "_stoker_probe" not in torch.utils.data.DataLoader.__iter__.__code__.co_filename:
            assert time.monotonic() < begin + 60
            time.sleep(0.01)
        workers = int(sys.argv[1])
        loader = torch.utils.data.DataLoader(Slow(0.03 if workers == 0 else 0.08), batch_size=4, num_workers=workers)
        n, waits, total, last = 0, 0.0, 0.0, None
        it = iter(loader)
        while True:
            begin = time.perf_counter()
            if n > 6:
                waits, total = waits + waited, total + begin - last
            batch = next(it, None)
            if batch is None:
                break
            waited, last, n = time.perf_counter() - begin, begin, n + 1
            while time.perf_counter() < begin + waited + 0.02:
                torch.ones(64, 64) @ torch.ones(64, 64)
        print(waits / total)
"""

TF_DATA = """
    import time
    import tensorflow as tf

    def slow(x):
        time.sleep(0.005)
        return x

    ds = tf.data.Dataset.range(400).map(lambda x: tf.py_function(slow, [x], tf.int64)).batch(4)
    time.sleep(0.5)
    waits = total = 0.0
    it, last = iter(ds), None
    for n in range(90):
        begin = time.perf_counter()
        if n > 6:
            waits, total = waits + waited, total + begin - last
        next(it)
        waited, last = time.perf_counter() - begin, begin
        time.sleep(0.01)
    print(waits / total)
"""

DATASETS = """
    import time
    import datasets

    def slow(batch):
        time.sleep(0.02)
        return batch

    ds = datasets.Dataset.from_dict({"x": list(range(2000))})
    ds.set_transform(slow)
    time.sleep(0.5)
    waits = total = 0.0
    it, last = iter(ds.iter(batch_size=20)), None
    for n in range(90):
        begin = time.perf_counter()
        if n > 6:
            waits, total = waits + waited, total + begin - last
        next(it)
        waited, last = time.perf_counter() - begin, begin
        time.sleep(0.02)
    print(waits / total)
"""


def run(tmp_path, script, *args):
    """Run a script with the sampler; return the share that it measured itself, and the reports."""
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    env = {**os.environ, "STOKER_PROBE": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(SAMPLER), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}
    done = subprocess.run([sys.executable, "-W", "error::DeprecationWarning:__main__", str(path), *args], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1]), [json.loads(p.read_text()) for p in tmp_path.glob("[0-9]*.json")]


def measured(reports):
    main = max(reports, key=lambda r: r["steps"]["count"])
    assert main["off"] == ""
    return main, main["steps"]["wait"]["sum"] / main["steps"]["seconds"]["sum"]


@pytest.mark.parametrize("workers", [0, 2])
def test_torch(tmp_path, workers):
    pytest.importorskip("torch")
    truth, reports = run(tmp_path, TORCH, str(workers))
    main, share = measured(reports)
    assert abs(share - truth) < 0.02
    assert main["loaders"][0]["workers"] == workers
    kinds = [r["stacks"]["work_by_kind"] for r in reports if r["role"] == ("worker" if workers else "main")]
    assert kinds and any(k.get("read", 0) > 0 for k in kinds), "the time asleep in __getitem__ is the producer's"


def test_tf_data(tmp_path):
    pytest.importorskip("tensorflow")
    truth, reports = run(tmp_path, TF_DATA)
    main, share = measured(reports)
    assert abs(share - truth) < 0.02 and main["loaders"][0]["batch_size"] == 4


def test_datasets(tmp_path):
    pytest.importorskip("datasets")
    truth, reports = run(tmp_path, DATASETS)
    main, share = measured(reports)
    assert abs(share - truth) < 0.02 and main["loaders"][0]["batch_size"] == 20
