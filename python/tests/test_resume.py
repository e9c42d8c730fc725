"""The resume law: a state continues the stream exactly, whatever else changes."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pytest
from conftest import SAMPLES

import stoker

Make = Callable[..., stoker.Loader]

EVERYTHING = [
    stoker.Resize((40, 44), interpolation="bicubic"),
    stoker.Pad(padding=2, fill=(9, 8, 7)),
    stoker.RandomCrop(36, padding=3),
    stoker.RandomResizedCrop(24),
    stoker.CenterCrop(20),
    stoker.HorizontalFlip(),
    stoker.VerticalFlip(),
    stoker.ColorJitter(0.4, 0.4, 0.4, 0.1),
    stoker.Grayscale(0.2),
    stoker.RandomErasing(),
    stoker.Normalize(),
]


def samples(loader: stoker.Loader) -> Dict[int, bytes]:
    """Return the pixels of an epoch by sample."""
    return {
        int(i): image.tobytes() for batch in loader for i, image in zip(batch["index"][: batch.valid], batch["image"])
    }


def stream(loader: stoker.Loader) -> List[Tuple[int, bytes]]:
    return [(b.step, b["image"].tobytes() + b["label"].tobytes() + b["index"].tobytes()) for b in loader]


def test_resume_at_every_step(make: Make) -> None:
    options: Dict[str, Any] = {"transforms": EVERYTHING, "dtype": "float32", "seed": 3}
    loader = make(**options)
    loader.set_epoch(2)
    states = [loader.state_dict()]
    batches = []
    for batch in loader:
        batches.append((batch.step, batch["image"].tobytes() + batch["label"].tobytes() + batch["index"].tobytes()))
        states.append(json.loads(json.dumps(loader.state_dict())))
    following = stream(loader)
    resumed = make(**options)
    for step, state in enumerate(states):
        resumed.load_state_dict(state)
        assert stream(resumed) == batches[step:]
        assert stream(resumed) == following
    assert resumed.epoch == 4


def test_a_state_of_the_end_goes_on_with_the_next_epoch(make: Make) -> None:
    loader = make()
    for _ in loader:
        inside = loader.state_dict()
    after = loader.state_dict()
    assert (inside["epoch"], inside["position"]) == (0, SAMPLES)
    assert (after["epoch"], after["position"]) == (1, 0)
    resumed = make()
    resumed.load_state_dict(inside)
    # The usual loop over epochs counts the finished one, which has nothing left.
    assert [len(stream(resumed)) for _ in range(2)] == [0, 7]


def test_set_epoch_keeps_the_place_of_a_loaded_state(make: Make) -> None:
    loader = make()
    for batch in loader:
        if batch.step == 3:
            break
    state = loader.state_dict()
    resumed = make()
    resumed.load_state_dict(state)
    resumed.set_epoch(0)
    assert [b.step for b in resumed] == [4, 5, 6]
    resumed.set_epoch(0)
    assert len(list(resumed)) == 7
    with pytest.raises(stoker.InvalidError):
        resumed.set_epoch(-1)


@pytest.mark.parametrize("last_batch", ["keep", "pad", "drop"])
def test_other_world_sizes(make: Make, last_batch: str) -> None:
    """8 ranks, then 4, then 16, then one: every sample once, with the same pixels."""
    options: Dict[str, Any] = {"transforms": EVERYTHING, "dtype": "float32", "seed": 4, "last_batch": last_batch}
    whole = samples(make(batch_size=1, **options))
    assert len(whole) == SAMPLES
    state = None
    seen: Dict[int, bytes] = {}
    steps_of = {8: 2, 4: 3, 16: 1, 1: None}
    for world_size, steps in steps_of.items():
        states = []
        for rank in range(world_size):
            loader = make(batch_size=1, rank=rank, world_size=world_size, **options)
            if state is not None:
                loader.load_state_dict(state)
            for done, batch in enumerate(loader, 1):
                for i, image in zip(batch["index"][: batch.valid], batch["image"]):
                    assert int(i) not in seen, "a sample came twice"
                    seen[int(i)] = image.tobytes()
                if done == steps:
                    break
            states.append(loader.state_dict())
            loader.close()
        assert all(s == states[0] for s in states)
        state = states[0]
    assert seen == whole


@pytest.mark.parametrize("world_size", [2, 3, 7])
def test_ranks_share_an_epoch(make: Make, world_size: int) -> None:
    ranks = [make(batch_size=5, rank=r, world_size=world_size) for r in range(world_size)]
    assert len({len(r) for r in ranks}) == 1
    parts = [samples(r) for r in ranks]
    assert sum(map(len, parts)) == SAMPLES
    assert {i: p for part in parts for i, p in part.items()} == samples(make())


def test_another_batch_size(make: Make) -> None:
    whole = samples(make(batch_size=8))
    loader = make(batch_size=8)
    seen = {}
    for batch in loader:
        seen.update({int(i): v.tobytes() for i, v in zip(batch["index"], batch["image"])})
        if batch.step == 1:
            break
    other = make(batch_size=3)
    other.load_state_dict(loader.state_dict())
    rest = samples(other)
    assert not set(seen) & set(rest)
    assert {**seen, **rest} == whole


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed"),
        ({"shuffle": False}, "shuffle"),
        ({"image": stoker.RandomResizedCrop(17)}, "transforms"),
        ({"on_bad_sample": "skip"}, "on_bad_sample"),
    ],
)
def test_a_state_of_another_stream_is_refused(make: Make, change: Dict[str, Any], said: str) -> None:
    state = make().state_dict()
    loader = make(**change)
    with pytest.raises(stoker.MismatchError, match=said):
        loader.load_state_dict(state)
    assert len(list(loader)) == 7, "a refused state changed the loader"


def test_a_state_of_another_dataset_is_refused(make: Make, labelled: str) -> None:
    with pytest.raises(stoker.MismatchError, match="fingerprint"):
        make(labelled).load_state_dict(make().state_dict())


@pytest.mark.parametrize("state", [{}, {"epoch": 0}, {"epoch": "x", "position": 0}, {"epoch": 0, "position": 0}])
def test_nonsense_is_no_state(make: Make, state: Dict[str, Any]) -> None:
    with pytest.raises(stoker.StokerError):
        make().load_state_dict(state)


def test_random_streams_obey_the_laws(make: Make) -> None:
    """The metamorphic law, on a few random choices each run; the seed is printed."""
    seed = int(np.random.SeedSequence().entropy) % 2**32
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    for _ in range(5):
        options: Dict[str, Any] = {
            "seed": int(random.integers(2**63)),
            "epoch": int(random.integers(1000)),
            "transforms": [stoker.RandomResizedCrop(12), stoker.HorizontalFlip(), stoker.ColorJitter(0.5, hue=0.2)],
        }
        whole = samples(make(**options))
        other = make(
            batch_size=int(random.integers(1, 60)),
            workers=int(random.integers(0, 4)),
            prefetch_batches=int(random.integers(0, 4)),
            **options,
        )
        assert samples(other) == whole
