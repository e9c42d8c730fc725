"""Writes keras_gpu.log and keras_cpu.log as Keras 3 prints them, with its own
progress bar under a clock that this script sets:

    KERAS_BACKEND=jax python make_keras_logs.py

A sentiment classifier trained one review at a time, 23,750 steps and 1,250 of
validation an epoch: 15 epochs of 119 s on a workstation's GPU, and on the CPU of a
free notebook service 57 times that, which ends it after 12 hours.
"""

import contextlib
import random
from pathlib import Path

from keras.src.utils import progbar

STEPS, EPOCHS = 23_750, 15
HERE = Path(__file__).parent


class Clock:
    """Stands in for the module `time` that the bar reads."""

    def __init__(self):
        self.now = 1_790_000_000.0

    def time(self):
        return self.now


def epoch_metrics(epoch, done):
    """Accuracy and loss as such a network reaches them."""
    learnt = 1 - 0.62 ** (epoch + done)
    return [("accuracy", 0.5 + 0.47 * learnt), ("loss", 0.69 - 0.6 * learnt)]


def train(log, seconds, limit):
    """Prints a training whose epochs take `seconds`, stopped after `limit`."""
    clock, draw = Clock(), random.Random(7)
    progbar.time = clock
    start = clock.now
    with contextlib.redirect_stdout(log):
        for epoch in range(EPOCHS):
            print(f"Epoch {epoch + 1}/{EPOCHS}")
            bar = progbar.Progbar(STEPS)
            took = seconds * draw.uniform(0.999, 1.001)
            step = took * 0.97 / STEPS  # 3 % are validation
            began = clock.now
            for i in (1, 40, STEPS // 3, 2 * STEPS // 3, STEPS - 1):
                clock.now = began + i * step
                if clock.now - start > limit:
                    return
                bar.update(i, epoch_metrics(epoch, i / STEPS))
            clock.now = began + took
            validation = [("val_accuracy", 0.878 - 0.28 * 0.45 ** (epoch + 1)), ("val_loss", 0.31 + 0.3 * 0.5 ** (epoch + 1))]
            bar.update(STEPS, epoch_metrics(epoch, 1) + validation, finalize=True)


for name, seconds, limit in (("keras_gpu", 119, float("inf")), ("keras_cpu", 119 * 57, 12 * 3600)):
    with (HERE / f"{name}.log").open("w") as file:
        train(file, seconds, limit)
