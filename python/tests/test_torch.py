"""The PyTorch loader. Skipped where PyTorch is not installed."""

from __future__ import annotations

import contextlib
import gc
import pickle
from pathlib import Path
from typing import Any, Callable, Iterator, List

import numpy as np
import pytest
from conftest import CLASSES, SAMPLES, finish, script

import stoker

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import stoker.torch  # noqa: E402

Make = Callable[..., Any]


@pytest.fixture
def make(dataset: str) -> Iterator[Make]:
    made: List[Any] = []

    def make_loader(batch_size: int = 8, **options: Any) -> Any:
        if "transforms" not in options:
            options.setdefault("image", stoker.RandomResizedCrop(16))
        made.append(stoker.torch.Loader(dataset, batch_size, **options))
        return made[-1]

    yield make_loader
    for loader in made:
        loader.close()


def test_a_drop_in(make: Make, dataset: str) -> None:
    loader = make()
    assert len(loader) == 7
    assert len(loader.dataset) == SAMPLES
    assert loader.dataset.classes == loader.classes == CLASSES
    assert loader.batch_size == 8
    model = torch.nn.Conv2d(3, 4, 3)
    for epoch in range(2):
        loader.set_epoch(epoch)
        seen = 0
        for images, labels in loader:
            assert images.shape[1:] == (3, 16, 16)
            assert images.dtype == torch.float32
            assert images.is_contiguous(memory_format=torch.channels_last)
            assert labels.dtype == torch.int64
            assert 0 <= images.min() and images.max() <= 1
            model(images).sum().backward()
            seen += len(labels)
        assert seen == SAMPLES
    assert loader.epoch == 2


def test_pixels_are_those_of_the_numpy_loader(make: Make, dataset: str) -> None:
    plain = stoker.Loader(dataset, 8, image=stoker.RandomResizedCrop(16))
    for dtype in ("uint8", "float32", "float16", "bfloat16"):
        plain.set_epoch(0)
        for batch, (images, labels, index) in zip(plain, make(dtype=dtype, fields=("image", "label", "index"))):
            assert images.dtype == getattr(torch, dtype)
            pixels = images.permute(0, 2, 3, 1).float().numpy() * (1 if dtype == "uint8" else 255)
            assert np.abs(pixels - batch["image"]).max() <= {"bfloat16": 1.0, "float16": 0.1}.get(dtype, 0.001)
            assert np.array_equal(labels.numpy(), batch["label"])
            assert np.array_equal(index.numpy(), batch["index"])
    plain.close()
    images, _ = next(iter(make(layout="NCHW")))
    assert images.is_contiguous()
    assert images.shape == (8, 3, 16, 16)


def test_tensors_share_the_slots_memory_and_keep_it(make: Make) -> None:
    loader = make(batch_size=4, dtype="uint8", prefetch_batches=1)
    session = loader._session
    kept, copies = [], []
    for images, labels in loader:
        inside = [s.address <= images.data_ptr() < s.address + s.nbytes for s in session._slots.values()]
        assert any(inside), "the tensor is a copy"
        kept.append(images[1:2, :, ::2])
        copies.append(kept[-1].clone())
        del kept[:-3], copies[:-3]
        assert all(torch.equal(a, b) for a, b in zip(kept, copies))
    del images, labels, kept
    gc.collect()
    assert not session._on_loan


def test_autograd_keeps_the_memory(make: Make) -> None:
    loader = make(batch_size=4)
    weight = torch.ones(3, requires_grad=True)
    losses, expected = [], []
    for images, _ in loader:
        losses.append((images * weight.view(1, 3, 1, 1)).sum())
        expected.append(images.sum((0, 2, 3)))
        del images
    for loss, gradient in zip(losses, expected):
        weight.grad = None
        loss.backward()
        assert torch.allclose(weight.grad, gradient, rtol=1e-4)


def test_writing_spoils_one_batch_alone(make: Make) -> None:
    clean = [images.clone() for images, _ in make()]
    loader = make()
    for images, _ in loader:
        images.fill_(-1)
        del images
    loader.set_epoch(0)
    assert all(torch.equal(a, b) for (a, _), b in zip(loader, clean))


def test_state_and_pickling(make: Make) -> None:
    loader = make()
    for step, _ in enumerate(loader):
        if step == 2:
            break
    state = loader.state_dict()
    assert state["position"] == 24
    resumed = pickle.loads(pickle.dumps(make()))
    resumed.load_state_dict(state)
    rest = [labels.tolist() for _, labels in resumed]
    assert rest == [labels.tolist() for _, labels in make()][3:]
    resumed.close()


def test_valid_rows_of_padded_batches(make: Make) -> None:
    loader = make(last_batch="pad")
    assert [(len(labels), loader.valid) for _, labels in loader] == [(8, 8)] * 6 + [(8, 5)]


def test_ranks_of_torch_distributed(dataset: str, tmp_path: Path) -> None:
    code = """
import sys, torch.distributed as dist, stoker, stoker.torch
dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=int(sys.argv[3]), world_size=2)
loader = stoker.torch.Loader(sys.argv[1], 8, image=stoker.RandomResizedCrop(8), fields=("index",))
assert (loader.rank, loader.world_size) == (int(sys.argv[3]), 2)
print([int(i) for (index,) in loader for i in index[: loader.valid]], len(loader))
dist.barrier()
dist.destroy_process_group()
"""
    programs = [script(code, dataset, tmp_path / "store", rank) for rank in range(2)]
    parts = [finish(p, 240) for p in programs]  # importing PyTorch takes its time on a busy machine
    seen = sorted(i for part in parts for i in eval(part.rsplit("]", 1)[0] + "]"))
    assert seen == list(range(SAMPLES))
    assert {part.split("]")[1] for part in parts} == {" 4\n"}


def test_wrong_devices(make: Make) -> None:
    with pytest.raises(stoker.UnsupportedError, match="CUDA"):
        make(device="meta")
    if not torch.cuda.is_available():
        with pytest.raises(stoker.UnsupportedError, match="sees no CUDA"):
            make(device="cuda")
    with pytest.raises(stoker.StokerError):
        make(device="cuda", pin_memory=True)
    assert [len(labels) for _, labels in make(device="cpu", pin_memory=True)][:2] == [8, 8]


def test_the_order_of_copies_without_a_device(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies run one batch ahead; state, order and leases are those of the batch handed out."""
    log: List[str] = []

    class Event:
        def query(self) -> bool:
            return False  # the worst case: no copy ends before it must

    class Stream:
        def record_event(self) -> Event:
            log.append("copy")
            return Event()

        def wait_event(self, event: Event) -> None:
            log.append("wait")

        def synchronize(self) -> None:
            log.append("synchronize")

    expected = [(images.clone(), labels.clone()) for images, labels in make()]
    loader = make()
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda self, stream: None)
    loader._device = torch.device("cpu")
    for step, (images, labels) in enumerate(loader):
        assert torch.equal(images, expected[step][0])
        assert torch.equal(labels, expected[step][1])
        assert loader.state_dict()["position"] == min((step + 1) * 8, SAMPLES)
        assert loader.valid == len(labels)
    assert step == 6
    assert loader.state_dict()["epoch"] == 1
    assert log == ["copy"] + ["copy", "wait"] * 6 + ["wait", "synchronize"]
    for _ in loader:
        break
    gc.collect()
    assert log[-1] == "synchronize", "a slot could be reused while a copy reads it"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_copies_to_a_device(make: Make) -> None:
    expected = [(images.clone(), labels.clone()) for images, labels in make()]
    loader = make(device="cuda")
    for epoch in range(3):
        loader.set_epoch(0)
        for step, (images, labels) in enumerate(loader):
            assert images.device.type == "cuda"
            assert torch.equal(images.cpu(), expected[step][0])
            assert torch.equal(labels.cpu(), expected[step][1])
            assert loader.state_dict()["position"] == min((step + 1) * 8, SAMPLES)
        for _ in loader:
            break
