"""Small synthetic tasks, so that the example runs need no download."""

import os
import time

import numpy as np


def pace(share: float = 1.0, usual: float = 0.0) -> None:
    """Waits as a step of a larger model on a GPU would: PACE seconds, or what is usual for the example."""
    time.sleep(share * float(os.environ.get("PACE", usual)))


def digits(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy 8x8 patterns of ten classes: float32 images (samples, 64), int64 labels."""
    rng = np.random.default_rng(seed)
    prototypes = np.random.default_rng(42).normal(size=(10, 64)).astype(np.float32)
    labels = rng.integers(0, 10, samples)
    images = prototypes[labels] + rng.normal(scale=1.5, size=(samples, 64)).astype(np.float32)
    return images.astype(np.float32), labels.astype(np.int64)


def text(length: int, seed: int = 0) -> str:
    """Sentences of a tiny grammar, for language models."""
    rng = np.random.default_rng(seed)
    words = [["the", "a", "one"], ["small", "old", "green", "quick"], ["train", "bird", "river"], ["waits", "turns", "sings"]]
    out: list[str] = []
    while sum(map(len, out)) < length:
        out.append(" ".join(rng.choice(part) for part in words) + ". ")
    return "".join(out)[:length]
