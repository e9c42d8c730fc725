"""Compare feeding of sequences with PyTorch's DataLoader, in one run.

    python scripts/bench_sequences.py reviews.stk [--batch-size 64] [--epochs 3]

PyTorch's DataLoader gets a data set of lists of ids, as tokenizers give them, and one that
has every advantage: a tensor for each sample, made beforehand. Hugging Face datasets
takes part where it is installed. Stoker reads from its files, copied into memory as
they are read first. Every batch is touched: one sum over its tokens. Rounds
take turns and the best of each counts, because other programs use the machine too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import stoker
import stoker.torch
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

Rate = tuple[float, float]


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    samples = read(arguments.dataset)
    feeds = rivals(samples, arguments.batch_size)
    feeds.update(ours(arguments.dataset, arguments.batch_size))
    best: dict[str, float] = {}
    for _ in range(arguments.epochs):
        for name, feed in feeds.items():
            begin = time.perf_counter()
            count, total = 0, 0
            for rows, tokens in feed():
                count += rows
                total += int(tokens.reshape(-1)[:1].sum())
            rate = count / (time.perf_counter() - begin)
            best[name] = max(best.get(name, 0), rate)
    base = max(rate for name, rate in best.items() if name.startswith("DataLoader, lists"))
    for name, rate in best.items():
        print(f"{name:44s} {rate:12,.0f} samples/s {rate / base:7.1f} x")
    print(f"memcpy of as many bytes as packed rows have: {memcpy():.1f} GB/s")


def read(path: str) -> list[tuple[torch.Tensor, int]]:
    """Return all samples, in memory."""
    with stoker.Loader(path, 256, batching=stoker.Rebalanced(varlen=True), shuffle=False, dtype="int64") as loader:
        return [(torch.from_numpy(s["tokens"].copy()), int(s["label"])) for b in loader for s in b.samples()]


class Lists(Dataset):
    """Token ids as lists, made tensors when they are asked for."""

    def __init__(self, ids: list[list[int]], labels: list[int]) -> None:
        self.ids, self.labels = ids, labels

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return torch.tensor(self.ids[i]), self.labels[i]


def pad(batch: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Collate as the tutorials do."""
    return pad_sequence([t for t, _ in batch], batch_first=True), torch.tensor([label for _, label in batch])


def rivals(samples: Any, size: int) -> dict[str, Callable[[], Iterator[Any]]]:
    """Return the other loaders."""
    feeds: dict[str, Callable[[], Iterator[Any]]] = {}
    lists = Lists([t.tolist() for t, _ in samples], [y for _, y in samples])
    for kind, data in (("lists", lists), ("tensors", samples)):
        for workers in (0, 1, 2):
            loader = DataLoader(
                data, size, shuffle=True, collate_fn=pad, num_workers=workers, persistent_workers=workers > 0
            )
            feeds[f"DataLoader, {kind}, {workers} workers"] = lambda feed=loader: ((len(y), x) for x, y in feed)
    try:
        import datasets
    except ImportError:
        return feeds
    table = datasets.Dataset.from_dict({"ids": [t.tolist() for t, _ in samples], "label": [y for _, y in samples]})
    table = table.with_format("torch")
    loader = DataLoader(
        table, size, shuffle=True, collate_fn=lambda rows: pad([(r["ids"], int(r["label"])) for r in rows])
    )
    feeds["Hugging Face datasets, padding collator"] = lambda: ((len(y), x) for x, y in loader)
    return feeds


def ours(path: str, size: int) -> dict[str, Callable[[], Iterator[Any]]]:
    """Return Stoker's loaders."""
    ways = {
        "Stoker, fixed": (stoker.Fixed(), size),
        "Stoker, grouped": (stoker.Grouped(), size),
        "Stoker, varlen": (stoker.Rebalanced(varlen=True), size),
        "Stoker, packed rows of 4096": (stoker.Packed(4096), max(1, size // 16)),
    }
    feeds = {}
    for name, (way, rows) in ways.items():
        numpy = stoker.Loader(path, rows, batching=way)
        tensors = stoker.torch.Loader(path, rows, batching=way)
        feeds[name] = lambda feed=numpy: ((b.valid, b["tokens"]) for b in feed)
        feeds[name + ", as tensors"] = lambda feed=tensors: ((b.valid, b["tokens"]) for b in feed)
    return feeds


def memcpy(nbytes: int = 1 << 18) -> float:
    """Return GB/s of copying."""
    source = np.ones(1 << 26, np.uint8)
    target = np.empty(nbytes, np.uint8)
    best = 1e9
    for _ in range(5):
        begin = time.perf_counter()
        for at in range(0, len(source), nbytes):
            target[:] = source[at : at + nbytes]
        best = min(best, time.perf_counter() - begin)
    return len(source) / best / 1e9


if __name__ == "__main__":
    main()
