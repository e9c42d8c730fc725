#!/usr/bin/env python3
"""Packing text against the usual ways to prepare it, measured in turns in one run.

    scripts/bench_pack_text.py reviews.jsonl.gz --stoker bin/stoker [--where split=train] [--rounds 3]

With Keras and TensorFlow (TextVectorization needs it, whatever the backend is): reading the
file, counting the words, ids, and pad_sequences to one array; against `stoker pack
--tokenizer words`, whose result is a dataset on the disk. With tokenizers: encode_batch of
the texts, which are in memory already; against `stoker pack --tokenizer tokenizer.json`
from the file to the dataset. The best of the rounds counts; CPU seconds stand beside, for
machines that others use.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # which TextVectorization needs anyhow
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Seconds = tuple[float, float]  # by the clock, of the CPUs


def timed(work: Callable[[], Any]) -> Seconds:
    def used() -> float:
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))

    cpu, start = used(), time.perf_counter()
    work()
    return time.perf_counter() - start, used() - cpu


def in_turns(rounds: int, works: dict[str, Callable[[], Any]]) -> dict[str, Seconds]:
    best: dict[str, Seconds] = {}
    for _ in range(rounds):
        for name, work in works.items():
            took = timed(work)
            best[name] = tuple(map(min, took, best.get(name, took)))  # type: ignore[assignment]
    for name, (wall, cpu) in best.items():
        print(f"  {name:44} {wall:7.2f} s   CPU {cpu:7.2f} s")
    return best


def read(path: Path, where: str) -> list[str]:
    field, value = where.split("=") if where else ("", None)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = (json.loads(line) for line in lines)
        return [row["text"] for row in rows if not field or row.get(field) == value]


def pack(program: str, source: Path, target: Path, where: str, *options: Any) -> None:
    command = [program, "pack", source, "-o", target, "--overwrite", "-q", "--text", "text", "--python", sys.executable]
    subprocess.run([*map(str, command), *(["--where", where] if where else []), *map(str, options)], check=True)


def keras_way(source: Path, where: str) -> Any:
    import keras
    import tensorflow as tf

    texts = read(source, where)
    vectorize = keras.layers.TextVectorization(max_tokens=20_000, ragged=False)
    batches = tf.data.Dataset.from_tensor_slices(texts).batch(256)
    vectorize.adapt(batches)
    ids = [row[row != 0] for batch in batches.map(vectorize).as_numpy_iterator() for row in batch]
    return keras.utils.pad_sequences(ids, maxlen=256)


def words(options: argparse.Namespace, folder: Path) -> None:
    try:
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    except ImportError as error:
        print(f"words: left out: {error}")
        return
    print("words, from the file:")
    best = in_turns(
        options.rounds,
        {
            "Keras TextVectorization and pad_sequences": lambda: keras_way(options.source, options.where),
            "stoker pack --tokenizer words": lambda: pack(
                options.stoker, options.source, folder / "w.stk", options.where, "--tokenizer", "words"
            ),
        },
    )
    (kw, kc), (sw, sc) = best.values()
    print(f"  {kw / sw:.1f} times as fast by the clock, {kc / sc:.1f} times by CPU")


def library(options: argparse.Namespace, folder: Path) -> None:
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError as error:
        print(f"tokenizer.json: left out: {error}")
        return
    texts = read(options.source, options.where)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts[:2000], trainers.BpeTrainer(vocab_size=8000, initial_alphabet=alphabet, show_progress=False)
    )
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    tokenizer = Tokenizer.from_file(str(path))
    print(f"byte-level BPE, {len(texts)} texts:")
    best = in_turns(
        options.rounds,
        {
            "tokenizers encode_batch, texts in memory": lambda: tokenizer.encode_batch(texts),
            "stoker pack --tokenizer tokenizer.json": lambda: pack(
                options.stoker, options.source, folder / "t.stk", options.where, "--tokenizer", path
            ),
        },
    )
    (lw, lc), (sw, sc) = best.values()
    print(f"  {lw / sw:.2f} of the library's speed by the clock, {lc / sc:.2f} by CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--stoker", default="bin/stoker")
    parser.add_argument("--where", default="")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words(options, Path(folder))
        library(options, Path(folder))


if __name__ == "__main__":
    main()
