"""The JAX loader. Skipped where JAX is not installed."""

from __future__ import annotations

import gc
import pickle
from typing import Any, Callable, Iterator, List

import numpy as np
import pytest
from conftest import SAMPLES, eventually

import stoker

jax = pytest.importorskip("jax", reason="JAX is not installed")
import jax.numpy as jnp  # noqa: E402

import stoker.jax  # noqa: E402

Make = Callable[..., Any]
on_cpu = pytest.mark.skipif(jax.default_backend() != "cpu", reason="JAX's default device is not a CPU")


@pytest.fixture
def make(dataset: str) -> Iterator[Make]:
    made: List[Any] = []

    def make_loader(batch_size: int = 8, **options: Any) -> Any:
        if "transforms" not in options:
            options.setdefault("image", stoker.RandomResizedCrop(16))
        made.append(stoker.jax.Loader(dataset, batch_size, **options))
        return made[-1]

    yield make_loader
    for loader in made:
        loader.close()


def settled(session: Any) -> bool:
    """Whether all slots came back; JAX lets go of numpy arrays when it is called next."""
    gc.collect()
    jnp.zeros(()).block_until_ready()
    return not session._on_loan


def test_arrays(make: Make, dataset: str) -> None:
    plain = stoker.Loader(dataset, 8, image=stoker.RandomResizedCrop(16))
    for dtype, exact in (("uint8", 0), ("float32", 0.001), ("bfloat16", 1)):
        plain.set_epoch(0)
        seen = 0
        for batch, (images, labels) in zip(plain, make(dtype=dtype)):
            assert isinstance(images, jax.Array)
            assert images.dtype == getattr(jnp, dtype)
            pixels = np.asarray(images.astype(jnp.float32)) * (1 if dtype == "uint8" else 255)
            assert np.abs(pixels - batch["image"]).max() <= exact
            assert np.array_equal(np.asarray(labels), batch["label"])
            assert labels.dtype == jnp.int32
            seen += len(labels)
        assert seen == SAMPLES
    plain.close()


@on_cpu
def test_cpu_arrays_share_the_slots_memory(make: Make) -> None:
    loader = make()
    session = loader._session
    for images, _ in loader:
        address = images.unsafe_buffer_pointer()
        assert any(s.address <= address < s.address + s.nbytes for s in session._slots.values()), "it was copied"
    del images, _
    assert eventually(lambda: settled(session))


@on_cpu
def test_memory_that_a_computation_reads_is_never_written(make: Make) -> None:
    """Dispatch is asynchronous: the arrays are gone while the computation still reads them."""

    @jax.jit
    def slowly(images: Any) -> Any:
        x = images.reshape(-1)[: 300 * 300].reshape(300, 300) / 255
        y = x
        for _ in range(20):
            y = jnp.tanh(y @ x)
        return y.sum() * 0 + images.sum()  # reads the images at the end

    options = {"dtype": "float32", "image": stoker.RandomResizedCrop(128), "batch_size": 4, "prefetch_batches": 1}
    expected = [float(images.sum()) for images, _ in make(**options)]
    slowly(jnp.zeros((4, 128, 128, 3))).block_until_ready()
    loader = make(drop_last=True, **options)
    results = []
    for images, _ in loader:
        results.append(slowly(images))
        del images, _
    assert np.allclose([float(r) for r in results], expected[: len(results)], rtol=1e-3)
    assert eventually(lambda: settled(loader._session))


@on_cpu
def test_a_slot_is_on_loan_while_its_computation_runs(make: Make) -> None:
    @jax.jit
    def slowly(x: Any) -> Any:
        return jax.lax.fori_loop(0, 300, lambda _, y: jnp.tanh(y @ x), x).sum()

    loader = make(transforms=[stoker.Resize((192, 192))], dtype="float32", batch_size=1, layout="NCHW")
    session = loader._session
    slowly(jnp.zeros((192, 192))).block_until_ready()
    images, _ = next(iter(loader))
    channel = jax.jit(lambda v: v[0, 0])(images)
    assert channel.unsafe_buffer_pointer() != images.unsafe_buffer_pointer()
    whole = images
    result = jax.jit(lambda v: slowly(v[0, 0]) + v[0, 0, 0, 0])(whole)
    del images, whole, channel, _
    gc.collect()
    lent = bool(session._on_loan)
    assert lent or result.is_ready(), "released while it is read"  # looked at in this order: it may end between
    result.block_until_ready()
    assert eventually(lambda: settled(session))


@on_cpu
def test_donation_does_not_hurt(make: Make) -> None:
    add = jax.jit(lambda x: x + 1, donate_argnums=0)
    loader = make(dtype="float32")
    expected = [np.array(images) + 1 for images, _ in make(dtype="float32")]
    got = [np.array(add(images)) for images, _ in loader]
    assert all(np.array_equal(a, b) for a, b in zip(got, expected))


def test_kept_arrays_never_change(make: Make) -> None:
    kept = list(make(batch_size=4))
    prints = [np.array(images) for images, _ in kept]
    for _ in make(batch_size=4, seed=1):
        pass
    assert all(np.array_equal(images, before) for (images, _), before in zip(kept, prints))


def test_devices_and_sharding(make: Make) -> None:
    device = jax.devices()[0]
    sharding = jax.sharding.SingleDeviceSharding(device)
    for where in (device, sharding):
        images, labels = next(iter(make(device=where)))
        assert images.devices() == labels.devices() == {device}


def test_state_and_pickling(make: Make) -> None:
    loader = make()
    for step, _ in enumerate(loader):
        if step == 2:
            break
    again = pickle.loads(pickle.dumps(make()))
    again.load_state_dict(loader.state_dict())
    assert [np.asarray(v).tolist() for _, v in again] == [np.asarray(v).tolist() for _, v in make()][3:]
    again.close()
