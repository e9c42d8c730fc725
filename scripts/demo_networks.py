"""Small networks for the demo, one per framework, with one interface.

A network has `loader(path, batch_size, **options)`, which makes Stoker's loader for
the framework; `step(images, labels) -> loss`; and `predict(images) -> classes`. Images
are uint8, as the loader gives them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import stoker

CHANNELS = (16, 32, 64)
SIZE = 5  # of a convolution
RATE = 2e-3


def choose(classes: int) -> tuple[str, Any]:
    """Return name and network of the framework that is there: PyTorch, JAX, or numpy alone."""
    makers: tuple[tuple[str, Callable[[int], Any]], ...] = (
        ("PyTorch", TorchNetwork),
        ("JAX", JaxNetwork),
    )
    for name, make in makers:
        try:
            return name, make(classes)
        except ImportError:
            continue
    return "numpy", NumpyNetwork(classes)


class TorchNetwork:
    """Three convolutions of contrast-normalised pictures and a linear layer, by Adam."""

    def __init__(self, classes: int) -> None:
        import torch
        from torch import nn

        torch.manual_seed(0)
        torch.set_num_threads(1)  # so small a network gains nothing from more, and they spin
        self.torch = torch
        layers: list[Any] = [nn.InstanceNorm2d(3)]
        before = 3
        for channels in CHANNELS:
            layers += [nn.Conv2d(before, channels, SIZE, stride=2, padding=SIZE // 2), nn.ReLU()]
            before = channels
        self.model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * before, classes))
        self.optimizer = torch.optim.Adam(self.model.parameters(), RATE)

    def loader(self, path: str, batch_size: int, **options: Any) -> Any:
        import stoker.torch

        return stoker.torch.Loader(path, batch_size, dtype="uint8", **options)

    def step(self, images: Any, labels: Any) -> float:
        loss = self.torch.nn.functional.cross_entropy(self.model(images.float()), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def predict(self, images: Any) -> Any:
        with self.torch.no_grad():
            return self.model(images.float()).argmax(1).numpy()


class JaxNetwork:
    """The same in JAX, with Adam written out."""

    def __init__(self, classes: int) -> None:
        import jax
        import jax.numpy as jnp

        keys = iter(jax.random.split(jax.random.key(0), len(CHANNELS) + 1))
        params: dict[str, Any] = {}
        before = 3
        for i, channels in enumerate(CHANNELS):
            scale = (2 / (SIZE**2 * before)) ** 0.5
            params[f"conv{i}"] = scale * jax.random.normal(next(keys), (SIZE, SIZE, before, channels))
            params[f"bias{i}"] = jnp.zeros(channels)
            before = channels
        params["linear"] = 0.05 * jax.random.normal(next(keys), (4 * before, classes))
        self.state = (params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params), 0)

        def normal(x: Any) -> Any:
            center = x.mean((1, 2), keepdims=True)
            return (x - center) * jax.lax.rsqrt(((x - center) ** 2).mean((1, 2), keepdims=True) + 1e-5)

        def logits(params: Any, images: Any) -> Any:
            x = normal(images.astype(jnp.float32))
            for i in range(len(CHANNELS)):
                x = jax.lax.conv_general_dilated(
                    x, params[f"conv{i}"], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
                )
                x = jax.nn.relu(x + params[f"bias{i}"])
            n, h, w, c = x.shape
            x = x.reshape(n, 2, h // 2, 2, w // 2, c).mean((2, 4)).reshape(n, 4 * c)
            return x @ params["linear"]

        def loss(params: Any, images: Any, labels: Any) -> Any:
            chosen = jax.nn.log_softmax(logits(params, images))
            return -jnp.take_along_axis(chosen, labels[:, None], 1).mean()

        def step(state: Any, images: Any, labels: Any) -> Any:
            params, mean, square, t = state
            value, grads = jax.value_and_grad(loss)(params, images, labels)
            t = t + 1
            mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
            square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, grads)
            rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            params = jax.tree.map(lambda p, m, s: p - rate * m / (jnp.sqrt(s) + 1e-8), params, mean, square)
            return (params, mean, square, t), value

        self._step = jax.jit(step, donate_argnums=0)
        self._logits = jax.jit(logits)

    def loader(self, path: str, batch_size: int, **options: Any) -> Any:
        import stoker.jax

        return stoker.jax.Loader(path, batch_size, **options)

    def step(self, images: Any, labels: Any) -> float:
        self.state, value = self._step(self.state, images, labels)
        return float(value)

    def predict(self, images: Any) -> Any:
        return np.asarray(self._logits(self.state[0], images)).argmax(1)


class NumpyNetwork:
    """Where no framework can be had: two convolutions as matrix products, by Adam."""

    def __init__(self, classes: int) -> None:
        random = np.random.default_rng(0)

        def weights(rows: int, columns: int) -> Any:
            return (random.standard_normal((rows, columns)) * (2 / rows) ** 0.5).astype(np.float32)

        self.params = [weights(25 * 3, 12), weights(25 * 12, 32), weights(4 * 32, classes)]
        self.mean = [np.zeros_like(p) for p in self.params]
        self.square = [np.zeros_like(p) for p in self.params]
        self.t = 0

    def loader(self, path: str, batch_size: int, **options: Any) -> Any:
        tuples = stoker.Loader(path, batch_size, fields=("image", "label"), **options)
        return Tuples(tuples)

    def step(self, images: Any, labels: Any) -> float:
        cache = self._forward(images)
        logits = cache[-1]
        logits = logits - logits.max(1, keepdims=True)
        odds = np.exp(logits)
        odds /= odds.sum(1, keepdims=True)
        rows = np.arange(len(labels))
        loss = -np.log(odds[rows, labels] + 1e-9).mean()
        odds[rows, labels] -= 1
        self._descend(self._backward(cache, odds / len(labels)))
        return float(loss)

    def predict(self, images: Any) -> Any:
        return self._forward(images)[-1].argmax(1)

    def _forward(self, images: Any) -> tuple[Any, ...]:
        x = images.astype(np.float32)
        x -= x.mean((1, 2), keepdims=True)
        x /= x.std((1, 2), keepdims=True) + 1e-5
        first = patches(x)
        a = np.maximum(first @ self.params[0], 0)
        second = patches(a)
        b = np.maximum(second @ self.params[1], 0)
        n, h, w, c = b.shape
        half = h // 2
        pooled = np.stack([b[:, i : i + half, j : j + half].mean((1, 2)) for i in (0, h - half) for j in (0, w - half)], 1)
        pooled = pooled.reshape(n, 4 * c)
        return first, a, second, b, pooled, pooled @ self.params[2]

    def _backward(self, cache: tuple[Any, ...], wrong: Any) -> list[Any]:
        first, a, second, b, pooled, _ = cache
        n, h, w, c = b.shape
        half = h // 2
        to_pooled = (wrong @ self.params[2].T).reshape(n, 4, 1, 1, c) / half**2
        to_b = np.zeros_like(b)
        for k, (i, j) in enumerate((i, j) for i in (0, h - half) for j in (0, w - half)):
            to_b[:, i : i + half, j : j + half] += to_pooled[:, k]
        to_b *= b > 0
        to_a = unpatch(to_b @ self.params[1].T, a.shape) * (a > 0)
        return [flat(first).T @ flat(to_a), flat(second).T @ flat(to_b), pooled.T @ wrong]

    def _descend(self, grads: list[Any]) -> None:
        self.t += 1
        rate = RATE * (1 - 0.999**self.t) ** 0.5 / (1 - 0.9**self.t)
        for p, m, s, g in zip(self.params, self.mean, self.square, grads):
            m += 0.1 * (g - m)
            s += 0.001 * (g * g - s)
            p -= rate * m / (np.sqrt(s) + 1e-8)


def patches(x: Any, size: int = 5, stride: int = 2) -> Any:
    """Return the patches of a convolution: (n, height, width, size * size * channels)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (1, 2))[:, ::stride, ::stride]
    n, h, w, c = windows.shape[:4]
    return np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3)).reshape(n, h, w, size * size * c)


def unpatch(grad: Any, shape: tuple[int, ...], size: int = 5, stride: int = 2) -> Any:
    """Add the gradients of patches up where they overlap."""
    n, h, w, _ = grad.shape
    grad = grad.reshape(n, h, w, size, size, shape[-1])
    total = np.zeros(shape, np.float32)
    for i in range(size):
        for j in range(size):
            total[:, i : i + stride * h : stride, j : j + stride * w : stride] += grad[:, :, :, i, j]
    return total


def flat(x: Any) -> Any:
    """Return a matrix with the last axis as columns."""
    return x.reshape(-1, x.shape[-1])


class Tuples:
    """A stoker.Loader that gives tuples, as the frameworks' loaders do."""

    def __init__(self, loader: stoker.Loader) -> None:
        self._loader = loader

    def __iter__(self) -> Any:
        return ((batch["image"], batch["label"]) for batch in self._loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
