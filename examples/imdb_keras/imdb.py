"""Film reviews, good or bad: one Keras model, fed in several ways.

    python examples/imdb_keras/imdb.py [--small] [--seeds 2] [--epochs 2]

The model is that of Keras's IMDB tutorial: Embedding, 1-D convolution, pooling, Dense. It
learns from the same reviews, padded by Keras's own ``pad_sequences`` to the longest
review and to 256 tokens, and batched by Stoker. The table shows what padding costs, and
that accuracy does not suffer where it is left out.

The reviews are ``reviews.jsonl.gz`` in $STOKER_TEST_DATA or ``../shared/data``; where they are
not there, the script makes texts of its own.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import stoker
import stoker.keras
from keras import layers, ops
from stoker._binary import find

VOCABULARY = 20_000
CHANNELS = 64
BATCH = 64
ROW = 4_096  # tokens of a packed row


def main() -> None:
    """Parse arguments, train in every way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--small",
        action="store_true",
        help="a few hundred texts, one epoch: to see that it runs",
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument(
        "--reviews", type=int, default=1 << 30, help="learn from so many at most"
    )
    arguments = parser.parse_args()
    if arguments.small:
        arguments.seeds, arguments.epochs, arguments.reviews = 1, 1, 640
    with tempfile.TemporaryDirectory() as folder:
        train, test = pack(Path(folder), arguments.reviews)
        print(
            f"{len(stoker.Dataset(train)):,} reviews to learn from, {len(stoker.Dataset(test)):,} to test with"
        )
        print(
            f"{'':32s}{'steps':>6s}{'padding':>9s}{'s/epoch':>9s}  accuracy", flush=True
        )
        for name, way in ways(train, test).items():
            results = [way(seed, arguments.epochs) for seed in range(arguments.seeds)]
            steps, padding, _, _ = results[0]
            seconds = min(r[2] for r in results)
            accuracy = " ".join(f"{r[3]:.3f}" for r in results)
            print(
                f"{name:32s}{steps:6d}{padding:9.1%}{seconds:9.1f}  {accuracy}",
                flush=True,
            )


# -- data ---------------------------------------------------------------------------


def pack(folder: Path, most: int) -> tuple[str, str]:
    """Pack the reviews: the words of the training set are those of the test set too."""
    rows = reviews() or made_up()
    random.Random(0).shuffle(rows)
    limits = {"train": most, "test": most // 2}
    for split, limit in limits.items():
        lines = [json.dumps(row) for row in rows if row["split"] == split][:limit]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    for split, tokenizer in (("train", "words"), ("test", str(folder / "train.stk"))):
        command = [
            find(),
            "pack",
            folder / f"{split}.jsonl",
            "-o",
            folder / f"{split}.stk",
            "--text",
            "text",
        ]
        command += ["--label", "label", "--tokenizer", tokenizer, "--quiet"]
        subprocess.run([str(part) for part in command], check=True)
    return str(folder / "train.stk"), str(folder / "test.stk")


def reviews() -> list[dict[str, Any]]:
    """Read the real reviews; none where they are not there."""
    repository = Path(__file__).resolve().parents[2]
    data = Path(
        os.environ.get("STOKER_TEST_DATA") or repository.parent / "shared" / "data"
    )
    try:
        with gzip.open(data / "reviews.jsonl.gz", "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


def made_up(count: int = 4_000) -> list[dict[str, Any]]:
    """Make texts of lengths as of reviews, in which some words tell good from bad."""
    draw = random.Random(1)
    words = [f"word{i}" for i in range(2_000)]
    rows = []
    for i in range(count):
        label = i % 2
        telling = ("fine", "moving", "great") if label else ("dull", "awful", "flat")
        length = min(int(draw.lognormvariate(5.2, 0.75)) + 10, 2_400)
        text = [
            draw.choice(telling) if draw.random() < 0.01 else draw.choice(words)
            for _ in range(length)
        ]
        rows.append(
            {
                "text": " ".join(text),
                "label": label,
                "split": "test" if i % 5 == 0 else "train",
            }
        )
    return rows


# -- the model ----------------------------------------------------------------------


class SegmentMax(layers.Layer):
    """Maximum over each sample of packed rows; what GlobalMaxPooling1D is to padded ones."""

    def call(self, hidden: Any, sample: Any) -> Any:
        """Pool hidden (rows, tokens, channels) by sample (rows, tokens); the last one is padding."""
        count = sample.shape[-1] // 8
        flat = ops.reshape(hidden, (-1, hidden.shape[-1]))
        pooled = ops.segment_max(
            flat, ops.reshape(sample, (-1,)), num_segments=count + 1
        )
        return ops.maximum(pooled[:count], 0)  # a sample that is not there


def model(*, packed: bool = False) -> Any:
    """Return the model, for padded or for packed batches; the weights are the same."""
    tokens = keras.Input((ROW if packed else None,), dtype="int32", name="tokens")
    sample = keras.Input((ROW,), dtype="int32", name="sample")
    hidden = layers.Embedding(VOCABULARY, 32)(tokens)
    hidden = layers.Conv1D(CHANNELS, 5, padding="same", activation="relu")(hidden)
    hidden = (
        SegmentMax()(hidden, sample) if packed else layers.GlobalMaxPooling1D()(hidden)
    )
    inputs = {"tokens": tokens, "sample": sample} if packed else tokens
    built = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    built.compile(
        keras.optimizers.Adam(2e-3),
        "binary_crossentropy",
        weighted_metrics=["accuracy"],
    )
    return built


def packed_batch(batch: Any) -> Any:
    """Say for every token which sample it belongs to."""
    rows, width = batch["tokens"].shape
    count = width // 8
    sample = np.full(rows * width, count, np.int32)
    for i, (start, length) in enumerate(
        zip(batch["starts"][: batch.valid], batch["lengths"])
    ):
        sample[start : start + length] = i
    labels, weights = np.zeros(count, np.float32), np.zeros(count, np.float32)
    labels[: batch.valid] = batch["label"][: batch.valid]
    weights[: batch.valid] = 1
    return (
        {"tokens": batch["tokens"], "sample": sample.reshape(rows, width)},
        labels,
        weights,
    )


# -- ways to feed it ----------------------------------------------------------------

Result = tuple[
    int, float, float, float
]  # steps and padding of an epoch, seconds, accuracy
Feed = Callable[[int, int], Result]


def ways(train: str, test: str) -> dict[str, Feed]:
    """Return every way to feed the model."""
    longest = max(max(map(len, arrays(path)[0])) for path in (train, test))
    return {
        f"pad_sequences to {longest:,}": lambda s, e: with_keras(
            train, test, longest, s, e
        ),
        "pad_sequences to 256 (cuts)": lambda s, e: with_keras(train, test, 256, s, e),
        "stoker.Fixed(ladder=1.4)": lambda s, e: with_stoker(
            train, test, stoker.Fixed(ladder=1.4), s, e
        ),
        "stoker.Grouped(ladder=1.2)": lambda s, e: with_stoker(
            train, test, stoker.Grouped(ladder=1.2), s, e
        ),
        f"stoker.Packed({ROW})": lambda s, e: with_stoker(
            train, test, stoker.Packed(ROW), s, e
        ),
    }


def arrays(path: str) -> tuple[list[Any], Any]:
    """Return all sequences and labels."""
    with stoker.Loader(
        path, BATCH, batching=stoker.Rebalanced(varlen=True), shuffle=False
    ) as loader:
        samples = [
            {"tokens": s["tokens"].copy(), "label": s["label"]}
            for batch in loader
            for s in batch.samples()
        ]
    return [s["tokens"] for s in samples], np.array(
        [s["label"] for s in samples], np.float32
    )


def with_keras(train: str, test: str, width: int, seed: int, epochs: int) -> Result:
    """Train as Keras's tutorial does."""
    keras.utils.set_random_seed(seed)
    texts, labels = arrays(train)
    padded = keras.utils.pad_sequences(texts, width)
    trained, clock = model(), Clock()
    trained.fit(padded, labels, BATCH, epochs, verbose=0, callbacks=[clock])
    texts, truth = arrays(test)
    accuracy = trained.evaluate(
        keras.utils.pad_sequences(texts, width), truth, BATCH, verbose=0
    )[1]
    return (
        -(-len(padded) // BATCH),
        float((padded == 0).mean()),
        clock.seconds(),
        accuracy,
    )


def with_stoker(train: str, test: str, way: Any, seed: int, epochs: int) -> Result:
    """Train from Stoker's batches; test padded on a ladder."""
    keras.utils.set_random_seed(seed)
    packed = isinstance(way, stoker.Packed)
    rows, make = (BATCH // 16, packed_batch) if packed else (BATCH, None)
    reviews = stoker.keras.Loader(train, rows, batching=way, seed=seed, make=make)
    trained, clock = model(packed=packed), Clock()
    trained.fit(reviews, epochs=epochs, verbose=0, callbacks=[clock])
    with stoker.Loader(train, rows, batching=way, seed=seed) as loader:
        cells, tokens = np.sum(
            [(b["tokens"].size, b["lengths"].sum()) for b in loader], 0
        )
    reviews.close()
    tested = model()
    tested.set_weights(trained.get_weights())
    proof = stoker.keras.Loader(
        test, BATCH, batching=stoker.Fixed(ladder=1.4), shuffle=False
    )
    accuracy = tested.evaluate(proof, verbose=0)[1]
    proof.close()
    return len(reviews), 1 - tokens / cells, clock.seconds(), accuracy


class Clock(keras.callbacks.Callback):
    """Takes the time of epochs."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin."""
        self.times = [time.perf_counter()]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())

    def seconds(self) -> float:
        """Return the seconds of the shortest epoch: the first one compiles."""
        return float(np.diff(self.times).min())


if __name__ == "__main__":
    sys.exit(main())
