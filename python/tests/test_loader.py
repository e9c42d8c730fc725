"""What a training loop sees."""

from __future__ import annotations

import contextlib
import gc
import json
import sys
import threading
import warnings
from typing import Any, Callable, List

import numpy as np
import pytest
from conftest import CLASSES, PATIENCE_S, SAMPLES

import stoker

Make = Callable[..., stoker.Loader]


def indices(batches: Any) -> List[int]:
    return [int(i) for batch in batches for i in batch["index"][: batch.valid]]


def test_shapes_and_types(make: Make) -> None:
    loader = make(batch_size=8)
    assert len(loader) == 7
    assert loader.classes == CLASSES
    steps = []
    for batch in loader:
        rows = 8 if batch.step < 6 else SAMPLES - 48
        assert batch["image"].shape == (rows, 16, 16, 3)
        assert batch["image"].dtype == np.uint8
        assert batch["label"].dtype == batch["index"].dtype == np.int64
        assert (batch["label"] == batch["index"] * len(CLASSES) // SAMPLES).all()
        assert (batch.epoch, batch.valid) == (0, rows)
        assert batch.position == min((batch.step + 1) * 8, SAMPLES)
        assert list(batch) == ["image", "label", "index"]
        assert len(batch) == 3
        steps.append(batch.step)
    assert steps == list(range(7))
    assert "step 6, image: uint8[5, 16, 16, 3]" in repr(batch)
    with pytest.raises(KeyError, match="this batch has image, label, index"):
        batch["images"]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_dtypes_and_layouts_agree(make: Make, layout: str) -> None:
    def first(dtype: str, **options: Any) -> np.ndarray:
        return next(iter(make(dtype=dtype, layout=layout, **options)))["image"].copy()

    plain = first("uint8")
    assert plain.shape == ((8, 16, 16, 3) if layout == "NHWC" else (8, 3, 16, 16))
    single = first("float32")
    assert np.allclose(single, plain / 255, atol=1e-6)
    assert np.allclose(first("float16").astype(np.float32), single, atol=1e-3)
    brain = first("bfloat16")
    assert brain.dtype == np.uint16
    assert np.allclose((brain.astype(np.uint32) << 16).view(np.float32), single, rtol=1 / 128, atol=1e-6)
    normal = first("float32", transforms=[stoker.RandomResizedCrop(16), stoker.HorizontalFlip(), stoker.Normalize()])
    mean, std = np.array(stoker.Normalize.mean, np.float32), np.array(stoker.Normalize.std, np.float32)
    channels = (1, 1, 1, 3) if layout == "NHWC" else (1, 3, 1, 1)
    assert np.allclose(normal, (single - mean.reshape(channels)) / std.reshape(channels), atol=1e-4)


def test_every_epoch_has_every_sample_once_in_another_order(make: Make) -> None:
    loader = make()
    epochs = [indices(loader) for _ in range(3)]
    for order in epochs:
        assert sorted(order) == list(range(SAMPLES))
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs == [indices(make(epoch=e)) for e in range(3)]
    assert indices(make(seed=1)) != epochs[0]


def test_without_shuffling(make: Make) -> None:
    loader = make(shuffle=False)
    assert indices(loader) == indices(loader) == list(range(SAMPLES))


@pytest.mark.parametrize(
    ("options", "steps", "rows", "valid"),
    [
        ({}, 7, 5, 5),
        ({"drop_last": True}, 6, 8, 8),
        ({"last_batch": "drop"}, 6, 8, 8),
        ({"last_batch": "pad"}, 7, 8, 5),
    ],
)
def test_last_batch(make: Make, options: dict, steps: int, rows: int, valid: int) -> None:
    loader = make(**options)
    for _ in range(2):
        batches = [(b.step, len(b["label"]), b.valid) for b in loader]
        assert len(loader) == len(batches) == steps
        assert batches[-1] == (steps - 1, rows, valid)


def test_workers_and_prefetch_change_nothing(make: Make) -> None:
    def stream(**options: Any) -> List[bytes]:
        transforms = [stoker.RandomResizedCrop(12), stoker.ColorJitter(0.4, 0.4, 0.4, 0.1), stoker.RandomErasing()]
        loader = make(transforms=transforms, seed=5, **options)
        return [b["image"].tobytes() for _ in range(2) for b in loader]

    expected = stream(workers=1, prefetch_batches=1)
    for options in ({}, {"workers": 3}, {"workers": 2, "prefetch_batches": 4}):
        assert stream(**options) == expected


def test_fields(labelled: str, make: Make) -> None:
    loader = make(labelled, fields=["caption", "age", "index", "key", "score", "good"], shuffle=False)
    seen = 0
    for batch in loader:
        for row, i in enumerate(batch["index"]):
            assert batch["age"][row] == 7 * i
            assert batch["score"][row] == i / 4
            assert bool(batch["good"][row]) == bool(i % 2)
            assert batch["caption"][row] == ("" if i == 3 else f"Bild {i} — ä")
            assert batch["key"][row].endswith(f"{i:03d}.png")
            seen += 1
    assert seen == SAMPLES
    with pytest.raises(stoker.StokerError, match="agee"):
        make(labelled, fields=["agee"])


# -- memory ------------------------------------------------------------------------


def test_views_are_the_slots_memory(make: Make) -> None:
    loader = make()
    for batch in loader:
        slots = loader._session._slots.values()
        for name in batch:
            address = batch[name].__array_interface__["data"][0]
            assert any(s.address <= address < s.address + s.nbytes for s in slots), "the batch was copied"
        break


def test_views_are_read_only(make: Make) -> None:
    batch = next(iter(make()))
    image = batch["image"]
    for view in (image, image[0], image.reshape(8, -1), np.asarray(image)):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True
    mine = batch.copy()
    mine["image"][...] = 7
    assert (image != 7).any()


def test_kept_batches_never_change(make: Make) -> None:
    loader = make(batch_size=4)
    kept = list(loader)
    assert len(kept) == 14
    prints = [b["image"].tobytes() for b in kept]
    again = [b["image"].tobytes() for b in make(batch_size=4)]
    assert prints == again
    for _ in loader:
        pass
    assert [b["image"].tobytes() for b in kept] == prints


@pytest.mark.parametrize("keep", ["batch", "array", "row", "reversed", "memoryview"])
def test_whatever_views_a_slot_keeps_it(make: Make, keep: str) -> None:
    loader = make(batch_size=4)
    views, copies = [], []
    for batch in loader:
        image = batch["image"]
        view = {"batch": batch, "array": image, "row": image[0, 3], "reversed": image[::-1], "memoryview": image.data}[
            keep
        ]
        views.append(view)
        copies.append(np.array(view["image"] if keep == "batch" else view))
        if len(views) > 3:
            views.pop(0)
            copies.pop(0)
        for held, copied in zip(views, copies):
            assert np.array_equal(held["image"] if keep == "batch" else held, copied)


def test_slots_come_back(make: Make) -> None:
    loader = make(prefetch_batches=1)
    session = loader._session
    for _ in range(5):
        for batch in loader:
            assert len(session._on_loan) <= 2
    del batch
    assert not session._on_loan
    assert len(session._slots) <= session.opened["slots"]


def large(make: Make, **options: Any) -> stoker.Loader:
    """Return a loader whose epoch, 7 batches of 6 MB, is more than its budget."""
    return make(image=stoker.RandomResizedCrop(256), dtype="float32", memory_budget_bytes=32 << 20, **options)


def test_batches_in_cycles_are_found(make: Make) -> None:
    class Keeper:
        pass

    loader = large(make)
    gc.disable()
    try:
        with pytest.warns(RuntimeWarning, match="kept|keeps"):
            for batch in loader:
                keeper = Keeper()
                keeper.me, keeper.batch = keeper, batch
    finally:
        gc.enable()


def test_keeping_too_much_is_an_error_not_a_deadlock(make: Make) -> None:
    loader = large(make)
    with pytest.warns(RuntimeWarning, match="kept|keeps"), pytest.raises(stoker.ExhaustedError) as caught:
        list(loader)
    assert "copy" in str(caught.value)
    assert [b.step for b in loader] == list(range(7))


def test_release_in_other_threads(make: Make) -> None:
    loader = make(batch_size=2)
    threads = []
    total = 0
    for _ in range(3):
        for batch in loader:
            thread = threading.Thread(target=lambda kept: kept.append(kept[0]["image"].sum()), args=([batch],))
            del batch
            thread.start()
            threads.append(thread)
            total += 1
    for thread in threads:
        thread.join()
    del threads, thread
    session = loader._session
    assert not session._on_loan
    assert total == 81


def test_batches_outlive_their_loader(make: Make) -> None:
    loader = make()
    batch = next(iter(loader))
    before = batch["image"].tobytes()
    loader.close()
    other = make(seed=9)
    for _ in other:
        pass
    assert batch["image"].tobytes() == before


# -- leaving early --------------------------------------------------------------------


def test_break_gives_up_the_rest(make: Make) -> None:
    loader = make()
    whole = [indices(make(epoch=e)) for e in range(4)]
    for epoch in range(3):
        for batch in loader:
            assert batch.epoch == epoch
            assert list(batch["index"]) == whole[epoch][:8]
            break
    assert indices(loader) == whole[3]


def test_exceptions_in_the_loop(make: Make) -> None:
    loader = make()
    with pytest.raises(ZeroDivisionError):
        for batch in loader:
            1 / (batch.step - 2)
    assert loader.state_dict()["position"] == 24
    assert indices(loader) == indices(make(epoch=1))


def test_an_iterator_left_suspended(make: Make) -> None:
    loader = make()
    left = iter(loader)
    first = next(left)
    assert indices(loader) == indices(make(epoch=1))
    rest = list(left)
    assert [int(i) for i in first["index"]] + indices(rest) == indices(make(epoch=0))
    assert next(left, None) is None


def test_nested_loops(make: Make) -> None:
    loader = make(batch_size=16)
    outer = []
    inner = []
    for batch in loader:
        outer += indices([batch])
        inner.append(indices(loader))
    assert outer == indices(make(epoch=0))
    assert inner == [indices(make(epoch=e)) for e in range(1, 5)]


def test_two_iterators_side_by_side(make: Make) -> None:
    loader = make()
    pairs = list(zip(loader, loader))
    assert indices(a for a, _ in pairs) == indices(make(epoch=0))
    assert indices(b for _, b in pairs) == indices(make(epoch=1))


def test_two_loaders_at_once(make: Make, dataset: str) -> None:
    train, test = make(seed=1), make(seed=2, shuffle=False)
    for one, two in zip(train, test):
        assert one.step == two.step
        assert list(two["index"]) == list(range(two.step * 8, two.position))


def test_close(make: Make) -> None:
    with make() as loader:
        iterator = iter(loader)
        next(iterator)
    for use in (lambda: next(iterator), lambda: iter(loader), loader.state_dict, lambda: len(loader)):
        with pytest.raises(stoker.InvalidError, match="closed"):
            use()
    loader.close()
    assert "stoker.Loader small.stk" in repr(loader)


def test_close_wakes_a_waiting_thread(make: Make) -> None:
    loader = make()
    kept = []
    seen: List[BaseException] = []

    def consume() -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for _ in range(1000):
                    kept.extend(loader)
        except BaseException as err:
            seen.append(err)

    thread = threading.Thread(target=consume)
    thread.start()
    while not kept:
        thread.join(0.001)
    loader.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert isinstance(seen[0], stoker.StokerError)


def test_threads_share_an_iterator(make: Make) -> None:
    iterator = iter(make(batch_size=1))
    taken: List[List[int]] = [[] for _ in range(4)]

    def take(mine: List[int]) -> None:
        for batch in iterator:
            mine += indices([batch])

    threads = [threading.Thread(target=take, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(i for mine in taken for i in mine) == list(range(SAMPLES))


# -- what it says --------------------------------------------------------------------


def test_report(make: Make) -> None:
    loader = make()
    assert loader.report() == "nothing was measured yet"
    for _ in loader:
        pass
    first = loader.report()
    assert first.startswith("waited for data ")
    assert loader.report() == first
    figures = loader.stats()
    assert (figures["epoch"], figures["batches"], figures["samples"]) == (0, 7, SAMPLES)
    assert 0 < figures["waited_share"] <= 1
    assert figures["engine"]["samples"] == SAMPLES
    assert {s["name"] for s in figures["engine"]["stages"]} == {"fetch", "decode", "augment", "collate"}
    for batch in loader:
        if batch.step == 2:
            break
    assert loader.stats()["batches"] == 3
    assert loader.report().startswith("waited for data ")


def test_figures_are_kept_when_the_next_epoch_has_begun(make: Make) -> None:
    loader = make()
    for _ in loader:
        pass
    iterator = iter(loader)
    next(iterator)
    assert loader.stats()["batches"] == 1


def test_progress(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    for _ in make(progress=True):
        pass
    shown = capsys.readouterr().err
    assert "epoch 0: 100%" in shown
    assert "7/7" in shown
    assert "waited" in shown


def test_progress_without_tqdm(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [m for m in sys.modules if m.split(".")[0] == "tqdm"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(stoker.UnsupportedError, match="pip install tqdm"):
        make(progress=True)


def test_numbers_of_numpy(make: Make) -> None:
    plain = stoker.Normalize(mean=(0.5, 0.25, 0.125), std=(1.0, 1.0, 1.0))
    numpys = stoker.Normalize(mean=np.array([0.5, 0.25, 0.125]), std=tuple(np.ones(3, np.float32)))
    of = [
        make(batch_size=size, seed=seed, dtype="float32", transforms=[stoker.CenterCrop(8), normalize])
        for size, seed, normalize in ((8, 3, plain), (np.int64(8), np.uint32(3), numpys))
    ]
    of[1].set_epoch(np.int32(2))
    of[0].set_epoch(2)
    assert json.loads(json.dumps(of[1].state_dict())) == of[0].state_dict()
    for a, b in zip(*of):
        assert (a["image"] == b["image"]).all()


# -- mistakes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": "8"},
        {"batch_size": 8.0},
        {"seed": -1},
        {"seed": 2**64},
        {"fields": "label"},
        {"image": stoker.CenterCrop(8), "dtype": "float32", "memory_budget_bytes": object()},
        {"drop_last": True, "last_batch": "pad"},
        {"last_batch": "maybe"},
        {"dtype": "int3"},
        {"layout": "HWCN"},
        {"on_bad_sample": "ignore"},
        {"rank": 2, "world_size": 2},
        {"transforms": []},
        {"transforms": [stoker.HorizontalFlip()]},
        {"transforms": [lambda image: image]},
        {"image": stoker.CenterCrop(8), "transforms": [stoker.CenterCrop(8)]},
        {"image": stoker.RandomResizedCrop(8, scale=(2.0, 1.0))},
        {"transforms": [stoker.RandomResizedCrop(8), stoker.Normalize()]},
    ],
)
def test_wrong_options(make: Make, options: dict) -> None:
    with pytest.raises(stoker.InvalidError) as caught:
        make(**options)
    assert isinstance(caught.value, ValueError)


def test_damaged_samples(pictures: Any, make: Make, tmp_path: Any) -> None:
    from conftest import run

    target = tmp_path / "damaged.stk"
    run("pack", pictures, "-o", target)
    columns = stoker.Dataset(target)
    shard = next(target.glob("data-*"))
    with shard.open("r+b") as file:
        file.seek(int(columns.column("offset")[20]) + 40)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(stoker.CorruptError) as caught:
        for _ in make(target):
            pass
    assert (caught.value.shard, caught.value.key) == (shard.name, columns.keys[20])
    loader = make(target, on_bad_sample="skip")
    with contextlib.suppress(RuntimeWarning), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert sorted(indices(loader)) == [i for i in range(SAMPLES) if i != 20]
        bad = loader.stats()["engine"]["bad_samples"]
    assert [b["index"] for b in bad if b["epoch"] == 0] == [20]
    assert all(issubclass(w.category, RuntimeWarning) for w in told)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        substituted = [indices(make(target, on_bad_sample="substitute")) for _ in range(2)]
    assert len(substituted[0]) == SAMPLES
    assert substituted[0] == substituted[1]


def test_a_loader_goes_on_after_an_error(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = make()
    iterator = iter(loader)
    next(iterator)

    def fail(*_: Any) -> None:
        raise stoker.CorruptError("made up")

    session = loader._session
    monkeypatch.setattr(session, "_next_frame", fail)
    with pytest.raises(stoker.CorruptError):
        next(iterator)
    assert next(iterator, None) is None
    monkeypatch.undo()
    assert indices(loader) == indices(make(epoch=1))
