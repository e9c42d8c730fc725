#!/usr/bin/env python3
"""Training loops whose wait for data is known: what `make bench-why` measures.

    python scripts/why_loops.py KIND [--share 0.4] [--seconds 6] [--photos DIR] ...

The loops of `waits` wait a chosen share of each step; those of `pictures`, `text` and
`keras` are ordinary trainings, each as people write it and with Stoker. All print a line a
step, and at the end one line of JSON: what they measured themselves, by the clock around
what gives them batches. The first steps are left out, as the sampler does.
"""

from __future__ import annotations

import argparse
import functools
import glob
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

STEP = 0.08  # seconds of a step of `waits`
WARM = 5  # steps that do not count


class Clock:
    """Measures steps: `got` after a batch came, `done` after the step."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.steps, self.waited, self.total = seconds, 0, 0.0, 0.0
        self.asked = self.begin = time.perf_counter()
        self.times: list[float] = []

    def got(self) -> None:
        """Note that a batch has come."""
        self.came = time.perf_counter()

    def done(self) -> bool:
        """Note the end of a step; True while there is time left."""
        now = time.perf_counter()
        if self.steps >= WARM:
            self.waited += self.came - self.asked
            self.total += now - self.asked
            self.times.append(now - self.asked)
        elif self.steps == WARM - 1:
            self.begin = now
        self.steps += 1
        print(f"step {self.steps}/100000", flush=True)
        self.asked = time.perf_counter()
        return self.steps <= WARM or now - self.begin < self.seconds

    def report(self) -> None:
        """Print what was measured."""
        counted = max(self.steps - WARM, 1)
        self.times.sort()
        print(json.dumps({"steps": counted, "share": self.waited / max(self.total, 1e-9), "step": self.total / counted,
                          "median": self.times[len(self.times) // 2] if self.times else 0}), flush=True)


def compute(seconds: float) -> None:
    """Multiply matrices for a while."""
    end = time.perf_counter() + seconds
    a = matrix()
    while time.perf_counter() < end:
        a @ a


@functools.lru_cache(maxsize=1)
def matrix() -> Any:
    """Give a small matrix."""
    import numpy as np

    return np.ones((96, 96), np.float32)


@functools.lru_cache(maxsize=1)
def photographs(folder: str) -> list[bytes]:
    """Read some photographs."""
    paths = sorted(glob.glob(os.path.join(folder, "*", "*")))[:40]
    return [open(p, "rb").read() for p in paths]


def decode(seconds: float, folder: str) -> None:
    """Decode photographs for a while."""
    from PIL import Image

    end = time.perf_counter() + seconds
    blobs, i = photographs(folder), 0
    while time.perf_counter() < end:
        Image.open(io.BytesIO(blobs[i % len(blobs)])).convert("RGB").resize((64, 64))
        i += 1


def producing(o: argparse.Namespace) -> Callable[[float], None]:
    """Give what makes data: decoding, or waiting as for a network."""
    if o.by == "decode":
        return functools.partial(decode, folder=o.photos)
    return time.sleep


# -- known waits ----------------------------------------------------------------


def plain(o: argparse.Namespace, clock: Clock) -> None:
    """Loop over a generator."""
    produce = producing(o)

    def load_batches() -> Iterator[int]:
        while True:
            if o.share:
                produce(o.share * STEP)
            yield 0

    drive(load_batches(), o, clock)


def drive(batches: Iterable[Any], o: argparse.Namespace, clock: Clock) -> None:
    """Take batches and compute."""
    for _ in batches:
        clock.got()
        compute((1 - o.share) * STEP)
        if not clock.done():
            return


def torch_loop(o: argparse.Namespace, clock: Clock) -> None:
    """Loop over PyTorch's DataLoader, whose workers give a batch in each step's time."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(1)
    # Without workers the wait is a part of the step. With them a batch is made while
    # the step computes: then one has to come just every STEP.
    cost = o.share * STEP if o.workers == 0 else o.workers * STEP * (1 if o.share else 0.3)
    produce = producing(o)

    class Data(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return 1_000_000

        def __getitem__(self, index: int) -> Any:
            if cost:
                produce(cost / 2)
            return torch.zeros(8)

    drive(DataLoader(Data(), batch_size=2, num_workers=o.workers), o, clock)


class Over(Exception):
    """The time is over: leaves `fit`, which has no other way out within an epoch."""


def keras_loop(o: argparse.Namespace, clock: Clock) -> None:
    """Train with fit on a PyDataset."""
    import keras
    import numpy as np

    produce = producing(o)
    x, y = np.ones((32, 256), np.float32), np.ones((32, 1), np.float32)

    class Data(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 1_000_000

        def __getitem__(self, index: int) -> Any:
            if o.share:
                produce(o.share * STEP)
            clock.got()
            return x, y

    fit(keras.Sequential([keras.layers.Dense(64, activation="relu"), keras.layers.Dense(1)]), "mse", Data(),
        lambda: compute((1 - o.share) * STEP), clock)


def fit(model: Any, loss: str, data: Any, work: Callable[[], None], clock: Clock, steps: int | None = None) -> None:
    """Call fit until the time is over."""
    import keras

    class Steps(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            work()
            if not clock.done():
                raise Over

    model.compile("sgd", loss)
    try:
        model.fit(data, epochs=1000, steps_per_epoch=steps, verbose=0, callbacks=[Steps()])
    except Over:
        pass


def tfdata_loop(o: argparse.Namespace, clock: Clock) -> None:
    """Loop over tf.data, which makes a batch while the step computes."""
    import tensorflow as tf

    cost = STEP if o.share else 0.3 * STEP
    if o.by == "decode":
        blobs, n = tf.constant(photographs(o.photos)), len(photographs(o.photos))

        def make(i: Any) -> Any:
            return tf.image.resize(tf.io.decode_jpeg(blobs[i % n], channels=3), (64, 64))

        one = iter(tf.data.Dataset.range(n).map(make, num_parallel_calls=1))
        next(one)
        begin = time.perf_counter()
        for _ in one:
            pass
        parts = max(round(cost * (n - 1) / (time.perf_counter() - begin)), 1)

        data = tf.data.Dataset.range(1_000_000_000).map(make, num_parallel_calls=1).batch(parts).prefetch(2)
    else:
        def wait(i: Any) -> Any:
            time.sleep(cost)
            return i

        data = tf.data.Dataset.range(1_000_000_000).map(lambda i: tf.py_function(wait, [i], tf.int64)).prefetch(2)
    drive(data, o, clock)


# -- ordinary trainings -----------------------------------------------------------

CROP = 112  # of PyTorch's pictures
SIDE = 96  # of those of Keras


def network(classes: int) -> Any:
    """Give a small convolutional network."""
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 24, 5, 2), nn.ReLU(), nn.Conv2d(24, 48, 3, 2), nn.ReLU(), nn.Conv2d(48, 96, 3, 2), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, classes))


def train(model: Any, batches: Iterable[Any], o: argparse.Namespace, clock: Clock) -> None:
    """Train a PyTorch model."""
    import torch

    torch.set_num_threads(o.threads)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    loss = torch.nn.CrossEntropyLoss()
    for x, y in batches:
        clock.got()
        if o.work == 0:
            with torch.no_grad():
                model(x)
        for _ in range(o.work):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
        if not clock.done():
            return


def forever(loader: Any) -> Iterator[Any]:
    """Iterate epoch after epoch."""
    while True:
        yield from loader


def pictures(o: argparse.Namespace, clock: Clock) -> None:
    """Train on photographs, with torchvision as everybody does, or with Stoker."""
    if o.packed:
        import stoker
        import stoker.torch

        loader: Any = stoker.torch.Loader(o.packed, o.batch, layout="NCHW",
                                     transforms=[stoker.RandomResizedCrop(CROP), stoker.HorizontalFlip()], drop_last=True)
    else:
        loader = folder_loader(o)
    train(network(1000), forever(loader), o, clock)


def folder_loader(o: argparse.Namespace) -> Any:
    """Give a DataLoader of torchvision's ImageFolder."""
    import torch
    from torchvision import datasets, transforms

    steps = transforms.Compose([transforms.RandomResizedCrop(CROP), transforms.RandomHorizontalFlip(), transforms.ToTensor()])
    loader = read_again if o.uncached else datasets.folder.default_loader
    data = datasets.ImageFolder(o.photos, steps, loader=loader)
    return torch.utils.data.DataLoader(data, o.batch, shuffle=True, num_workers=o.workers, persistent_workers=o.workers > 0, drop_last=True)


def read_again(path: str) -> Any:
    """Read a picture from the disk, not from the page cache."""
    from PIL import Image

    with open(path, "rb") as f:
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        blob = f.read()
    return Image.open(io.BytesIO(blob)).convert("RGB")


def text(o: argparse.Namespace, clock: Clock) -> None:
    """Train on film reviews that are tokenised in every epoch, or with Stoker."""
    from torch import nn

    class Reviewer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20_000, 16, padding_idx=0)
            self.conv = nn.Conv1d(16, 16, 3)
            self.out = nn.Linear(16, 2)

        def forward(self, tokens: Any) -> Any:
            return self.out(self.conv(self.embed(tokens).transpose(1, 2)).relu().amax(2))

    train(Reviewer(), text_batches(o), o, clock)


def text_batches(o: argparse.Namespace) -> Iterator[Any]:
    """Give padded batches of reviews."""
    import torch

    if o.packed:
        import stoker
        import stoker.torch

        for batch in forever(stoker.torch.Loader(o.packed, o.batch, batching=stoker.Fixed(), shuffle=True)):
            yield batch["tokens"].clamp(max=19_999), batch["label"]
    import gzip
    import re

    with gzip.open(o.text, "rt") as f:
        rows = [json.loads(line) for line in f]
    words: dict[str, int] = {}
    pattern = re.compile(r"[a-z0-9']+")

    class Reviews(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, i: int) -> Any:
            return [3 + words.setdefault(w, len(words)) % 19_997 for w in pattern.findall(rows[i]["text"].lower())], int(rows[i].get("label", 0))

    def collate(samples: list[Any]) -> Any:
        longest = max(len(t) for t, _ in samples)
        tokens = torch.zeros(len(samples), longest, dtype=torch.long)
        for row, (t, _) in zip(tokens, samples):
            row[: len(t)] = torch.tensor(t)
        return tokens, torch.tensor([label for _, label in samples])

    yield from forever(torch.utils.data.DataLoader(Reviews(), o.batch, shuffle=True, collate_fn=collate, num_workers=o.workers, drop_last=True))


def keras_pictures(o: argparse.Namespace, clock: Clock) -> None:
    """Train with Keras on photographs, by image_dataset_from_directory or with Stoker.

    What `fit` waits for is known to the sampler only: the clock counts whole steps.
    """
    import keras

    if o.packed:
        import stoker
        import stoker.keras

        data: Any = stoker.keras.Loader(o.packed, o.batch, transforms=[stoker.Resize((SIDE, SIDE))], dtype="float32", drop_last=True)
    else:
        found = keras.utils.image_dataset_from_directory(o.photos, image_size=(SIDE, SIDE), batch_size=None, verbose=False)
        data = found.repeat().batch(o.batch, drop_remainder=True).prefetch(2)
    layers = keras.layers
    model = keras.Sequential([layers.Rescaling(1 / 255), layers.Conv2D(16, 5, 4, activation="relu"), layers.Conv2D(32, 3, 2, activation="relu"),
                              layers.GlobalAveragePooling2D(), layers.Dense(1000, activation="softmax")])
    fit(model, "sparse_categorical_crossentropy", data, clock.got, clock, None if o.packed else 100)


KINDS = {"plain": plain, "torch": torch_loop, "keras": keras_loop, "tfdata": tfdata_loop, "pictures": pictures, "text": text, "keras-pictures": keras_pictures}


def main() -> int:
    """Run one loop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--batch", type=int, default=32, help="samples of a batch")
    parser.add_argument("--by", choices=["sleep", "decode"], default="sleep", help="what makes the data slow")
    parser.add_argument("--packed", help="feed this dataset with Stoker")
    parser.add_argument("--photos", help="folder of class folders")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--share", type=float, default=0.4, help="wait's share of a step")
    parser.add_argument("--text", help="JSONL, gzipped, with text and label")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch's computation")
    parser.add_argument("--uncached", action="store_true", help="read pictures from the disk every time")
    parser.add_argument("--work", type=int, default=1, help="training steps on each batch; 0: only look at it")
    parser.add_argument("--workers", type=int, default=0)
    o = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    clock = Clock(o.seconds)
    KINDS[o.kind](o, clock)
    clock.report()
    sys.stdout.flush()
    os._exit(0)  # workers and pools of frameworks are not waited for


if __name__ == "__main__":
    raise SystemExit(main())
