"""A training loop of one's own around tqdm: softmax regression in NumPy."""

import numpy as np
from data import digits, pace
from tqdm import tqdm

EPOCHS, BATCH = 5, 64


def main() -> None:
    images, labels = digits(4096)
    test_images, test_labels = digits(1024, seed=1)
    weights = np.zeros((64, 10), dtype=np.float32)
    for epoch in range(EPOCHS):
        order = np.random.default_rng(epoch).permutation(len(images))
        with tqdm(range(0, len(order), BATCH), desc=f"Epoch {epoch + 1}/{EPOCHS}") as bar:
            for start in bar:
                batch = order[start : start + BATCH]
                logits = images[batch] @ weights
                p = np.exp(logits - logits.max(1, keepdims=True))
                p /= p.sum(1, keepdims=True)
                loss = -np.log(p[np.arange(len(batch)), labels[batch]] + 1e-9).mean()
                p[np.arange(len(batch)), labels[batch]] -= 1
                weights -= 0.05 * images[batch].T @ p / len(batch)
                pace(usual=0.02)
                bar.set_postfix(loss=f"{loss:.4f}")
        correct = 0
        for start in tqdm(range(0, len(test_images), BATCH), desc="Validation", leave=False):
            guess = (test_images[start : start + BATCH] @ weights).argmax(1)
            correct += int((guess == test_labels[start : start + BATCH]).sum())
            pace(usual=0.02)
        print(f"epoch {epoch + 1}: accuracy {correct / len(test_images):.3f}")


if __name__ == "__main__":
    main()
