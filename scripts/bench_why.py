#!/usr/bin/env python3
"""Measure how well `stoker why` measures and predicts: `make bench-why`.

    python scripts/bench_why.py PHOTOS TEXT [--predict] [--waits] [--limits] [--runs 20]

--waits    loops with a known wait of 0, 10, 40 and 80 % of the step: the error of the
           accounting and of the sampler, each alone, in points
--limits   decode-bound, fetch-bound (a throttled disk; needs root) and compute-bound
           trainings: how often they are told apart
--predict  what packing is predicted to gain beside what it then gains, for four pipelines

Without any of them all three. Every run is one line of RESULTS (build/why/results.jsonl);
runs that are there already are not repeated, so the same command continues. The table is
printed, with the figures asked for, at the end and by --table alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LOOPS = HERE / "why_loops.py"
SHARES = (0.0, 0.1, 0.4, 0.8)

# Loops of --waits: name, arguments, which Python, seconds. A generator of the script's own
# is known to the sampler only by random looks, which take longer to be exact.
WAITS = [
    ("plain loop, reads", ["plain"], "torch", 6),
    ("plain loop, decodes", ["plain", "--by", "decode"], "torch", 40),
    ("PyTorch, no workers, reads", ["torch"], "torch", 6),
    ("PyTorch, no workers, decodes", ["torch", "--by", "decode"], "torch", 6),
    ("PyTorch, 2 workers, reads", ["torch", "--workers", "2"], "torch", 6),
    ("PyTorch, 2 workers, decodes", ["torch", "--workers", "2", "--by", "decode"], "torch", 6),
    ("Keras, reads", ["keras"], "keras", 6),
    ("Keras, decodes", ["keras", "--by", "decode"], "keras", 6),
    ("tf.data, reads", ["tfdata"], "keras", 6),
    ("tf.data, decodes", ["tfdata", "--by", "decode"], "keras", 6),
]

# Trainings of --limits: name, arguments, the answer.
LIMITS = [
    ("decode-bound, no workers", ["pictures"], ("data", {"decode", "augment"})),
    ("decode-bound, 2 workers", ["pictures", "--workers", "2", "--work", "0"], ("data", {"decode", "augment", "prepare"})),
    ("fetch-bound, no workers", ["pictures", "--uncached"], ("data", {"fetch"})),
    ("fetch-bound, 2 workers", ["pictures", "--uncached", "--workers", "2"], ("data", {"fetch"})),
    ("compute-bound, 2 workers", ["pictures", "--workers", "2", "--work", "12"], ("compute", {""})),
]

# Pipelines of --predict: name, arguments of both, of the old one alone, options of why.
KERAS_PIPELINE = '{"ops": [{"op": "resize", "size": [96, 96]}], "output": {"dtype": "float32", "layout": "NHWC"}}'
PREDICT = [
    ("PyTorch photographs, no workers", "torch", ["pictures"], [], []),
    ("PyTorch photographs, 2 workers", "torch", ["pictures"], ["--workers", "2"], []),
    ("PyTorch reviews, tokenised every epoch", "torch", ["text"], [], []),
    ("Keras photographs, image_dataset_from_directory", "keras", ["keras-pictures"], [], ["--transform", KERAS_PIPELINE]),
]


class Bench:
    """Runs loops under `stoker run` and asks `stoker why`."""

    def __init__(self, o: argparse.Namespace) -> None:
        self.o = o
        self.stoker = str(Path(os.environ.get("STOKER_BIN", ROOT / "bin/stoker")).absolute())
        self.scratch = tempfile.TemporaryDirectory(prefix="bench-why-")
        self.env = {**os.environ, "STOKER_STATE_DIR": self.scratch.name + "/state", "STOKER_BIN": self.stoker,
                    "STOKER_ENGINE": self.scratch.name + "/engine", "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3",
                    "PYTHONPATH": str(ROOT / "python/src")}
        self.pythons = {"torch": o.torch, "keras": o.keras}
        o.results.parent.mkdir(parents=True, exist_ok=True)
        self.done = {(r["part"], r["name"], r.get("share"), r["run"]) for r in results(o.results)}

    def can(self, which: str) -> bool:
        """Say whether that Python is there."""
        if Path(self.pythons[which]).exists():
            return True
        print(f"left out, as {self.pythons[which]} is missing", file=sys.stderr)
        return False

    def call(self, python: str, arguments: list[str], photos: Path, group: str | None = None) -> dict[str, Any]:
        """Run a loop to its end and return what it measured itself."""
        command = [self.stoker, "run", "--no-bar", "--no-notify", "--", str(self.pythons[python]), str(LOOPS), *arguments,
                   "--photos", str(photos), "--text", str(self.o.text)]
        if group:
            command = ["sh", "-c", f'echo $$ > {group}/tasks; exec "$@"', "sh", *command]
        # Threads of BLAS beside one computing thread would be another experiment.
        env = {**self.env, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        for attempt in range(3):
            try:
                out = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)
            except subprocess.TimeoutExpired:
                print(f"ten minutes were over: {' '.join(command)}", file=sys.stderr)
                continue
            lines = [line for line in out.stdout.splitlines() if line.startswith('{"steps"')]
            if lines:
                return dict(json.loads(lines[-1]))
            print(f"attempt {attempt + 1} failed: {' '.join(command)}\n{out.stdout[-2000:]}\n{out.stderr[-2000:]}", file=sys.stderr)
        raise SystemExit("given up after three attempts; the same command goes on with what is missing")

    def why(self, *options: str) -> dict[str, Any]:
        """Ask about the last run."""
        out = subprocess.run([self.stoker, "why", "--json", *options, "last"], env=self.env, capture_output=True, text=True, timeout=300, check=False)
        if out.returncode:
            raise SystemExit(out.stderr)
        return dict(json.loads(out.stdout))

    def keep(self, record: dict[str, Any]) -> None:
        """Append one run to the results."""
        with self.o.results.open("a") as f:
            f.write(json.dumps(record) + "\n")
        print(json.dumps(record), flush=True)

    def todo(self, part: str, name: str, share: float | None) -> Iterator[int]:
        """Count the runs that are wanted and not in the results yet."""
        if self.o.only not in name:
            return
        for run in range(self.o.runs):
            if (part, name, share, run) not in self.done:
                yield run

    # -- the three parts -------------------------------------------------------

    def waits(self) -> None:
        """Compare the measured wait with the known one."""
        for name, arguments, python, seconds in WAITS:
            if not self.can(python):
                continue
            for share in SHARES:
                for run in self.todo("waits", name, share):
                    truth = self.call(python, [*arguments, "--share", str(share), "--seconds", str(seconds)], self.o.photos)
                    rungs = {r["name"]: r for r in self.why("--no-pack")["rungs"]}
                    self.keep({"part": "waits", "name": name, "share": share, "run": run, "truth": truth["share"], "steps": truth["steps"],
                               "accounting": said(rungs.get("accounting")), "sampler": said(rungs.get("sampler"))})

    def limits(self) -> None:
        """Count how often the limit is named rightly."""
        if not self.can("torch"):
            return
        with slow_disk(self.o.photos) as (slow, group):
            for name, arguments, (verdict, limit) in LIMITS:
                uncached = "--uncached" in arguments
                if uncached and slow is None:
                    print(f"left out: {name} needs root and a throttled disk", file=sys.stderr)
                    continue
                for run in self.todo("limits", name, None):
                    truth = self.call("torch", [*arguments, "--batch", "8", "--seconds", "8"], slow if uncached and slow else self.o.photos, group if uncached else None)
                    d = self.why("--no-pack")
                    right = d["verdict"] == verdict and d.get("limit", "") in limit
                    self.keep({"part": "limits", "name": name, "run": run, "truth": truth["share"], "verdict": d["verdict"], "limit": d.get("limit", ""),
                               "right": right, "sentence": d["sentence"]})

    def predict(self) -> None:
        """Compare the predicted gain of packing with the one then measured."""
        for name, python, both, old, options in PREDICT:
            if not self.can(python):
                continue
            packed = self.pack(both[0])
            for run in self.todo("predict", name, None):
                # Before, prediction and after lie close together, so that a busy machine is
                # busy for all of them; the old loop runs once more behind.
                before = self.call(python, [*both, *old, "--seconds", "10"], self.o.photos)
                d = self.why("--pack", "--data", str(self.o.text if both[0] == "text" else self.o.photos), *options)
                after = self.call(python, [*both, "--packed", packed, "--seconds", "10"], self.o.photos)
                again = self.call(python, [*both, *old, "--seconds", "10"], self.o.photos)
                step = (before["step"] + again["step"]) / 2
                p = d.get("pack")
                self.keep({"part": "predict", "name": name, "run": run, "before": before["step"], "again": again["step"], "after": after["step"],
                           "predicted": p and p["new"], "low": p and p["new_low"], "high": p and p["new_high"], "told": p and p["step"],
                           "gain": 1 - after["step"] / step, "gain_predicted": p and 1 - p["new"] / p["step"],
                           "evidence": d["evidence"]})

    def pack(self, kind: str) -> str:
        """Pack all of a pipeline's data once."""
        out = f"{self.scratch.name}/{kind}.stk"
        source = [str(self.o.text), "--text", "text", "--tokenizer", "words"] if kind == "text" else [str(self.o.photos)]
        if not Path(out).exists():
            subprocess.run([self.stoker, "pack", *source, "-o", out, "-q"], env=self.env, check=True)
        return out


def said(rung: dict[str, Any] | None) -> dict[str, Any] | None:
    """Take what counts of a rung; None where it said nothing about the share."""
    if rung is None or rung["share"] < 0:
        return None
    return {k: rung[k] for k in ("share", "low", "high", "conclusive", "verdict")}


@contextmanager
def slow_disk(photos: Path, bytes_per_second: int = 4_000_000) -> Iterator[tuple[Path | None, str | None]]:
    """Give a copy of the photographs on a disk that is throttled for a control group (v1).

    The disk is a file in a loop device: waiting for it is waiting for a real disk.
    """
    group = Path("/sys/fs/cgroup/blkio/bench-why")
    if os.geteuid() != 0 or not (group.parent / "blkio.throttle.read_bps_device").exists() or not shutil.which("mkfs.ext4"):
        yield None, None
        return
    with tempfile.TemporaryDirectory(prefix="bench-why-disk-") as folder:
        image, mount, device = Path(folder, "disk"), Path(folder, "mnt"), ""
        mount.mkdir()
        try:
            with image.open("wb") as f:
                f.truncate(256 << 20)
            subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
            device = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", str(image)], check=True, capture_output=True, text=True).stdout.strip()
            subprocess.run(["mount", device, str(mount)], check=True)
            shutil.copytree(photos, mount / "photos")
            os.sync()
            number = os.stat(device).st_rdev
            group.mkdir(exist_ok=True)
            (group / "blkio.throttle.read_bps_device").write_text(f"{os.major(number)}:{os.minor(number)} {bytes_per_second}\n")
            yield mount / "photos", str(group)
        finally:
            subprocess.run(["umount", str(mount)], check=False, capture_output=True)
            if device:
                subprocess.run(["losetup", "--detach", device], check=False, capture_output=True)
            if group.exists():
                group.rmdir()


# -- the table -------------------------------------------------------------------


def results(path: Path) -> list[dict[str, Any]]:
    """Read the results."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def table(rows: list[dict[str, Any]]) -> None:
    """Print what was measured beside what was asked for."""
    waits = [r for r in rows if r["part"] == "waits"]
    if waits:
        print("\nKnown waits: error in points, median (largest), of runs that the rung said something about; asked: within 5\n")
        print(f"{'loop':32} {'wait':>5} {'runs':>4} {'true':>6}   {'accounting':24} {'sampler':24}")
    for name in dict.fromkeys(r["name"] for r in waits):
        for share in SHARES:
            cell = [r for r in waits if r["name"] == name and r["share"] == share]
            if cell:
                true = statistics.mean(r["truth"] for r in cell)
                print(f"{name:32} {100 * share:4.0f}% {len(cell):4} {100 * true:5.1f}%   {errors(cell, 'accounting'):24} {errors(cell, 'sampler'):24}")
    limits = [r for r in rows if r["part"] == "limits"]
    if limits:
        print("\nLimits: runs that were told rightly; asked: 19 of 20\n")
    for name in dict.fromkeys(r["name"] for r in limits):
        cell = [r for r in limits if r["name"] == name]
        wrong = sorted({f"{r['verdict']}/{r['limit']}" for r in cell if not r["right"]})
        print(f"{name:32} {sum(r['right'] for r in cell)} of {len(cell)}  {' '.join(wrong)}")
    predictions = [r for r in rows if r["part"] == "predict"]
    if predictions:
        print("\nPacking with Stoker: gain of the step predicted and then measured; asked: within 15 %\n")
        print(f"{'pipeline':48} {'runs':>4} {'before':>9} {'after':>9} {'predicted':>9} {'gain':>6} {'predicted':>9} {'off':>6}")
    for name in dict.fromkeys(r["name"] for r in predictions):
        cell = [r for r in predictions if r["name"] == name and r["predicted"]]
        if not cell:
            print(f"{name:48} no prediction")
            continue
        m = {k: statistics.median(r[k] for r in cell) for k in ("before", "after", "predicted", "gain", "gain_predicted")}
        off = abs(m["gain_predicted"] - m["gain"]) / max(abs(m["gain"]), 1e-9)
        print(f"{name:48} {len(cell):4} {1000 * m['before']:6.1f} ms {1000 * m['after']:6.1f} ms {1000 * m['predicted']:6.1f} ms"
              f" {100 * m['gain']:5.0f}% {100 * m['gain_predicted']:8.0f}% {100 * off:5.0f}%")


def errors(cell: list[dict[str, Any]], rung: str) -> str:
    """Sum up a rung's errors in a cell of the table."""
    off = [100 * abs(r[rung]["share"] - r["truth"]) for r in cell if decided(r[rung])]
    if not off:
        least = [100 * r[rung]["share"] for r in cell if r[rung]]
        return f"at least {statistics.median(least):.0f} %" if least else "cannot tell"
    inside = sum(x <= 5 for x in off)
    text = f"{statistics.median(off):4.1f} ({max(off):4.1f}) {inside} of {len(off)}"
    return text if len(off) == len(cell) else text + f", {len(cell) - len(off)} untold"


def decided(rung: dict[str, Any] | None) -> bool:
    """Say whether a rung has measured a share, rather than named a bound."""
    return rung is not None and rung["high"] - rung["low"] < 0.5


def main() -> int:
    """Measure what is missing and print the table."""
    default = Path(os.environ.get("STOKER_TEST_DATA", ROOT / "../shared/data")).resolve()
    torch = next((p for p in (ROOT / "build/venv-torch/bin/python", ROOT / "build/peers/venv-torch/bin/python") if p.exists()), ROOT / "build/venv-torch/bin/python")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="?", type=Path, default=default / "photos")
    parser.add_argument("text", nargs="?", type=Path, default=default / "reviews.jsonl.gz")
    parser.add_argument("--keras", type=Path, default=ROOT / "build/venv-why/bin/python", help="a Python with Keras, JAX and TensorFlow")
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--predict", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / "build/why/results.jsonl")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--table", action="store_true", help="print the table of what is there")
    parser.add_argument("--torch", type=Path, default=torch, help="a Python with PyTorch and torchvision")
    parser.add_argument("--waits", action="store_true")
    o = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the slow disk is unmounted
    o.photos, o.text = o.photos.resolve(), o.text.resolve()
    if not o.table:
        if not o.photos.is_dir():
            raise SystemExit(f"no photographs in {o.photos}: name a folder of class folders")
        bench = Bench(o)
        parts = [part for part in ("predict", "limits", "waits") if getattr(o, part)] or ["predict", "limits", "waits"]
        for part in parts:
            getattr(bench, part)()
    table(results(o.results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
