"""Compare feeding of sequences with PyTorch's DataLoader and Hugging Face datasets, in one run.

    python scripts/bench_sequences.py reviews.jsonl.gz [--batch-size 64] [--rounds 3]

`make bench-sequences` installs what it needs. The texts (those with split=train, where
there are splits) are packed by `stoker pack --tokenizer words`; a dataset (.stk) is taken
as it is.

PyTorch's DataLoader gets a data set of lists of ids, as tokenizers give them, and one that
has every advantage: a tensor for each sample, made beforehand; pad_sequence in its
collate function; 0, 1 and 2 workers. Hugging Face datasets reads its own Arrow file,
formatted as tensors and as numpy arrays, with the same collator. Stoker reads from its
files, copied into memory as they are read first. Packed rows have about as many samples
in a batch as the padded ones, and 64 rows. Every batch is touched. Rounds take turns and
the best of each counts, because other programs use the machine too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import stoker
import stoker.torch
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stoker", default=os.environ.get("STOKER_BIN", "bin/stoker"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = pack(arguments.source, Path(folder), arguments.stoker)
        samples = read(path)
        lengths = [len(t) for t, _ in samples]
        print(f"{len(samples):,} sequences of {sum(lengths) / len(lengths):.0f} tokens, {max(lengths):,} at most")
        feeds = rivals(samples, arguments.batch_size, Path(folder))
        feeds.update(ours(path, arguments.batch_size, max(lengths)))
        report(measure(feeds, arguments.rounds))


def measure(feeds: dict[str, Callable[[], Iterator[Any]]], rounds: int) -> dict[str, float]:
    """Return the samples/s of every feed: the best of some epochs, which take turns."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, feed in feeds.items():
            begin = time.perf_counter()
            count, total = 0, 0
            for rows, tokens in feed():
                count += rows
                total += int(tokens.reshape(-1)[:1].sum())
            best[name] = max(best.get(name, 0), count / (time.perf_counter() - begin))
    return best


def report(best: dict[str, float]) -> None:
    """Print the rates, and how many times the best of each kind of rival Stoker's are."""
    rivals = {}
    for start in ("DataLoader, lists", "DataLoader, tensors", "datasets"):
        rates = [rate for name, rate in best.items() if name.startswith(start)]
        if rates:
            rivals[start] = max(rates)
    print(f"{'':44s} {'samples/s':>12s}" + "".join(f" {'x ' + name:>21s}" for name in rivals))
    for name, rate in best.items():
        print(f"{name:44s} {rate:12,.0f}" + "".join(f" {rate / other:21.1f}" for other in rivals.values()))


def pack(source: Path, folder: Path, program: str) -> str:
    """Return a dataset of the texts."""
    if source.suffix == ".stk":
        return str(source)
    target = folder / "texts.stk"
    command = [program, "pack", source, "-o", target, "--text", "text", "--tokenizer", "words", "--quiet"]
    subprocess.run([str(c) for c in [*command, "--where", "split=train"]], check=True)
    return str(target)


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


def rivals(samples: Any, size: int, folder: Path) -> dict[str, Callable[[], Iterator[Any]]]:
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
    except ImportError as error:
        print(f"Hugging Face datasets is left out: {error}")
        return feeds
    table = datasets.Dataset.from_dict({"ids": lists.ids, "label": lists.labels})
    table.save_to_disk(str(folder / "hf"))
    table = datasets.load_from_disk(str(folder / "hf"))
    collators = {"torch": lambda rows: pad([(r["ids"], int(r["label"])) for r in rows])}
    collators["numpy"] = lambda rows: pad([(torch.from_numpy(r["ids"]), int(r["label"])) for r in rows])
    for kind, collate in collators.items():
        for workers in (0, 2):
            loader = DataLoader(
                table.with_format(kind),
                size,
                shuffle=True,
                collate_fn=collate,
                num_workers=workers,
                persistent_workers=workers > 0,
            )
            feeds[f"datasets, {kind}, {workers} workers"] = lambda feed=loader: ((len(y), x) for x, y in feed)
    return feeds


def ours(path: str, size: int, longest: int) -> dict[str, Callable[[], Iterator[Any]]]:
    """Return Stoker's loaders."""
    row = 1 << (longest - 1).bit_length()
    ways = {
        "Stoker, fixed": (stoker.Fixed(), size),
        "Stoker, grouped": (stoker.Grouped(), size),
        "Stoker, rebalanced": (stoker.Rebalanced(), size),
        "Stoker, varlen": (stoker.Rebalanced(varlen=True), size),
        f"Stoker, packed, {max(1, size // 16)} rows of {row:,}": (stoker.Packed(row), max(1, size // 16)),
        f"Stoker, packed, {size} rows of {row:,}": (stoker.Packed(row), size),
    }
    feeds = {}
    for name, (way, rows) in ways.items():
        numpy = stoker.Loader(path, rows, batching=way)
        tensors = stoker.torch.Loader(path, rows, batching=way)
        feeds[name] = lambda feed=numpy: ((b.valid, b["tokens"]) for b in feed)
        feeds[name + ", as tensors"] = lambda feed=tensors: ((b.valid, b["tokens"]) for b in feed)
    return feeds


if __name__ == "__main__":
    main()
