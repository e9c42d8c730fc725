"""Keras 3 on JAX: model.fit with validation data."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from data import digits, pace


class Paced(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pace()

    def on_test_batch_end(self, batch, logs=None):
        pace(0.4)


def main() -> None:
    x, y = digits(60_000)
    x_val, y_val = digits(6_000, seed=1)
    model = keras.Sequential([
        keras.Input((64,)),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dense(10),
    ])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x, y, batch_size=128, epochs=4, validation_data=(x_val, y_val), callbacks=[Paced()])


if __name__ == "__main__":
    main()
