"""Train a linear classifier with nothing but numpy and Stoker.

stoker pack PICTURES -o pictures.stk
python examples/train_numpy.py pictures.stk
"""

import sys

import numpy as np
import stoker

SIDE = 32
EPOCHS = 5

loader = stoker.Loader(sys.argv[1], batch_size=64, image=stoker.RandomResizedCrop(SIDE), dtype="float32")
weights = np.zeros((SIDE * SIDE * 3, len(loader.classes)), np.float32)

for _ in range(EPOCHS):
    loss = 0.0
    for batch in loader:
        x = batch["image"].reshape(len(batch["image"]), -1) - 0.5
        y = batch["label"]
        logits = x @ weights
        odds = np.exp(logits - logits.max(1, keepdims=True))
        odds /= odds.sum(1, keepdims=True)
        rows = np.arange(len(y))
        loss -= np.log(odds[rows, y]).sum()
        odds[rows, y] -= 1
        weights -= 0.01 * x.T @ odds / len(y)
    print(f"epoch {loader.epoch - 1}: loss {loss / len(stoker.Dataset(sys.argv[1])):.3f}; {loader.report()}")
