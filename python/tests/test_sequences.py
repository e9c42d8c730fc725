"""Loaders of sequences: numpy alone, and the frameworks where they are installed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import numpy as np
import pytest
from conftest import engine_pid, run

import stoker

TEXTS = 120
WAYS = [
    None,
    stoker.Fixed(ladder=1.5),
    stoker.Grouped(),
    stoker.Tokens(budget=400),
    stoker.Rebalanced(varlen=True, micro=2),
    stoker.Packed(256),
    stoker.Packed(32, too_long="split", micro=2),
]
Make = Callable[..., Any]


def text_of(i: int) -> str:
    return "".join(chr(97 + (i * 7 + j) % 26) for j in range((i * i * 31) % 180))


def tokens_of(i: int) -> List[int]:
    return list(text_of(i).encode())


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a dataset of 120 texts as bytes; text i is text_of(i)."""
    folder = tmp_path_factory.mktemp("texts")
    lines = [json.dumps({"text": text_of(i), "label": i % 3, "score": i / 2}) for i in range(TEXTS)]
    (folder / "texts.jsonl").write_text("\n".join(lines))
    run(
        *("pack", folder / "texts.jsonl", "-o", folder / "texts.stk"),
        *("--text", "text", "--label", "label", "--tokenizer", "bytes", "--keep-empty"),
    )
    return str(folder / "texts.stk")


@pytest.fixture
def make(texts: str) -> Iterator[Make]:
    made: List[stoker.Loader] = []

    def make_loader(batching: Any = None, batch_size: int = 4, **options: Any) -> stoker.Loader:
        made.append(stoker.Loader(texts, batch_size, batching=batching, **options))
        return made[-1]

    yield make_loader
    for loader in made:
        loader.close()


def seen(batches: Any) -> Dict[int, List[int]]:
    """Return all tokens by sample; pieces of a split sample come in any order."""
    found: Dict[int, List[int]] = {}
    for batch in batches:
        for sample in batch.samples():
            assert sample["label"] == sample["index"] % 3
            found.setdefault(int(sample["index"]), []).extend(sample["tokens"].tolist())
    return {i: sorted(tokens) for i, tokens in found.items()}


def everything() -> List[List[int]]:
    """Return the tokens of all samples, as the values of seen are when sorted."""
    return sorted(sorted(tokens_of(i)) for i in range(TEXTS))


def summary(batch: stoker.Batch) -> Any:
    return {name: np.asarray(value).tolist() for name, value in batch.items()}


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("world", [1, 3])
def test_every_token_once_and_equal_steps(make: Make, way: Any, world: int) -> None:
    loaders = [make(way, rank=rank, world_size=world) for rank in range(world)]
    batches = [list(loader) for loader in loaders]
    assert {len(b) for b in batches} == {len(loaders[0])}
    assert sorted(seen(b for mine in batches for b in mine).values()) == everything()
    for step in zip(*batches):
        assert len({(b.step, b.micro, b.micros, b.step_tokens, b.step_samples) for b in step}) == 1


def test_shapes_and_types(make: Make) -> None:
    batch = next(iter(make()))
    rows, width = batch["tokens"].shape
    assert batch["tokens"].dtype == np.int32
    assert (rows, width) == (4, batch["lengths"].max())
    assert batch["lengths"].dtype == np.int32
    assert not batch["tokens"].flags.writeable
    assert list(batch) == ["tokens", "lengths", "label", "index"]
    for dtype in ("int64", "uint16"):
        assert next(iter(make(dtype=dtype)))["tokens"].dtype == dtype
    wide = next(iter(make(stoker.Fixed(multiple=64), fields=["tokens", "mask", "lengths", "score", "key"])))
    assert wide["tokens"].shape[1] % 64 == 0
    assert (wide["mask"].sum(1) == wide["lengths"]).all()
    assert len(wide["key"]) == 4 and wide["score"].dtype == np.float64


def test_packed_shapes_are_fixed(make: Make) -> None:
    loader = make(stoker.Packed(256), 2)
    shapes = set()
    for batch in loader:
        shapes.add(tuple((name, value.shape, value.dtype.str) for name, value in batch.items()))
        tokens, segments, positions = batch["tokens"], batch["segment_ids"], batch["positions"]
        assert tokens.shape == segments.shape == positions.shape == (2, 256)
        assert (tokens[segments == 0] == 0).all()
        borders = batch["cu_seqlens"]
        assert borders[0] == 0 and borders[-1] == 512 and (np.diff(borders) >= 0).all()
        assert np.diff(borders).max() == batch.max_seqlen
        assert (batch["label"][batch.valid :] == -1).all() and (batch["index"][batch.valid :] == -1).all()
        flat = tokens.reshape(-1)
        for start, length in zip(batch["starts"][: batch.valid], batch["lengths"]):
            assert (positions.reshape(-1)[start : start + length] == np.arange(length)).all()
            assert length == 0 or flat[start] > 0
    assert len(shapes) == 1


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_resume_at_every_batch(make: Make, way: Any) -> None:
    whole = make(way)
    want, states = [], []
    for batch in whole:
        want.append(summary(batch))
        states.append(json.loads(json.dumps(whole.state_dict())))
    following = [summary(b) for b in whole]
    again = make(way)
    for i, state in enumerate(states):
        if i % 5 and i != len(states) - 1:
            continue
        again.load_state_dict(state)
        assert [summary(b) for b in again] == want[i + 1 :]
    assert [summary(b) for b in again] == following


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_resume_on_other_ranks(make: Make, way: Any) -> None:
    first, states = [], []
    for rank in range(4):
        loader = make(way, 2, rank=rank, world_size=4)
        for batch in loader:
            first.append(batch)
            if batch.step == 2 and batch.micro == batch.micros - 1:
                break
        states.append(loader.state_dict())
    assert all(state == states[0] for state in states)
    rest = []
    for rank in range(2):
        loader = make(way, 3, rank=rank, world_size=2)
        loader.load_state_dict(states[0])
        rest += list(loader)
    assert sorted(seen(first + rest).values()) == everything()


def test_a_step_that_was_begun_begins_again_on_other_ranks(make: Make) -> None:
    loader = make(stoker.Fixed(micro=2), 4)
    batches = iter(loader)
    first = next(batches)
    state = loader.state_dict()
    other = make(stoker.Fixed(micro=2), 2)
    other.load_state_dict(state)
    assert set(first["index"].tolist()) & set(next(iter(other))["index"].tolist())
    assert len(seen(other)) == TEXTS


def test_states_of_another_stream_are_refused(make: Make) -> None:
    loader = make(stoker.Packed(256))
    next(iter(loader))
    state = loader.state_dict()
    for way in (stoker.Packed(512), stoker.Fixed()):
        with pytest.raises(stoker.MismatchError, match="the way to batch was"):
            make(way).load_state_dict(state)
    with pytest.raises(stoker.StokerError):
        loader.load_state_dict({**state, "place": {"cursor": {"epoch": 0, "position": -4}, "step": 0}})
    assert loader.state_dict() == state
    assert len(list(loader)) > 1
    with pytest.raises(stoker.InvalidError):
        loader.load_state_dict({**state, "place": 7})


def test_the_engine_may_die(own_engine: str, texts: str) -> None:
    way = stoker.Packed(256)
    with stoker.Loader(texts, 2, batching=way) as loader, stoker.Loader(texts, 2, batching=way) as calm:
        want = [summary(b) for b in calm]
        got = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for i, batch in enumerate(loader):
                got.append(summary(batch))
                del batch
                if i == 3:
                    os.kill(engine_pid(loader), signal.SIGKILL)
        assert got == want


def test_last_steps_and_long_samples(make: Make) -> None:
    assert {b.step_samples for b in make(stoker.Fixed(), 7, drop_last=True)} == {7}
    padded = [(b["tokens"].shape[0], b["label"].size, b.valid) for b in make(stoker.Fixed(ladder=2), 7, last_batch="pad")]
    assert {shape[:2] for shape in padded} == {(7, 7)} and sum(valid for _, _, valid in padded) == TEXTS
    assert max(b["tokens"].shape[1] for b in make(stoker.Fixed(max_tokens=50, too_long="cut"))) == 50
    assert list(seen(make(stoker.Rebalanced(max_tokens=50, too_long="split"))).values()) and sorted(
        seen(make(stoker.Rebalanced(max_tokens=50, too_long="split"))).values()
    ) == everything()


def test_a_changed_vocabulary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "one two two"}')
    run("pack", tmp_path / "texts.jsonl", "-o", tmp_path / "t.stk", "--text", "text", "--tokenizer", "words")
    with stoker.Loader(tmp_path / "t.stk", 1) as loader:
        assert next(iter(loader))["tokens"].tolist() == [[1, 4, 3, 3]]
    file = tmp_path / "t.stk" / "vocabulary.json"
    file.write_text(file.read_text().replace("two", "too"))
    with pytest.raises(stoker.CorruptError, match="the tokenizer's file is not the one"):
        stoker.Loader(tmp_path / "t.stk", 1)


def test_pickles_go_on(make: Make) -> None:
    loader = make(stoker.Packed(256), 1)
    batches = iter(loader)
    next(batches)
    state = pickle.dumps(loader)
    with pickle.loads(state) as copy:
        assert copy.state_dict() == loader.state_dict()


def test_collate(texts: str) -> None:
    def total(samples: List[Dict[str, Any]]) -> int:
        return sum(len(s["tokens"]) for s in samples)

    with stoker.Loader(texts, 4, batching=stoker.Rebalanced(varlen=True), collate=total) as loader:
        assert sum(loader) == sum(len(tokens_of(i)) for i in range(TEXTS))


def test_wrong_settings(make: Make, dataset: str) -> None:
    for way, what in (
        (stoker.Packed(16), "a packed row has 16"),
        (stoker.Packed(16, too_long="drop"), "too_long"),
        (stoker.Tokens(budget=3), "budget"),
        (stoker.Grouped(noise=-1), "noise"),
        (stoker.Fixed(multiple=8, ladder=1.1), "multiples of 8"),
        ("packed", "not a way to batch"),
    ):
        with pytest.raises(stoker.InvalidError, match=what):
            make(way)
    with pytest.raises(stoker.InvalidError, match="for pictures"):
        make(image=stoker.Resize(8))
    with pytest.raises(stoker.UnsupportedError, match="cannot come as"):
        make(dtype="float16")
    with pytest.raises(stoker.UnsupportedError, match="last_batch"):
        make(last_batch="pad")
    with pytest.raises(stoker.InvalidError, match="at most 20"):
        make(stoker.Fixed(max_tokens=20))
    with pytest.raises(stoker.UnsupportedError, match="for sequences"):
        stoker.Loader(dataset, batching=stoker.Packed(8))


def test_torch(texts: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    import stoker.torch

    with stoker.torch.Loader(texts, 4, batching=stoker.Packed(256)) as loader:
        batch = next(iter(loader))
        assert batch["tokens"].shape == (4, 256) and batch["tokens"].dtype == torch.int32
        assert batch.step_tokens > 0 and isinstance(batch.max_seqlen, int)
    with stoker.torch.Loader(texts, 4, batching=stoker.Rebalanced(varlen=True), nested=True) as loader:
        found = {}
        for batch in loader:
            for index, tokens in zip(batch["index"].tolist(), batch["tokens"].unbind()):
                found[index] = sorted(tokens.tolist())
        assert sorted(found.values()) == everything()


def test_jax(texts: str) -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    import stoker.jax

    with stoker.jax.Loader(texts, 4, batching=stoker.Packed(256)) as loader:
        total = jax.jit(lambda tokens, segments: (tokens * (segments > 0)).sum())
        got = sum(int(total(b["tokens"], b["segment_ids"])) for b in loader)
        assert got == sum(sum(tokens_of(i)) for i in range(TEXTS))
        assert total._cache_size() == 1


def test_keras(texts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    import stoker.keras

    for way in (stoker.Grouped(ladder=2), stoker.Packed(256)):
        reviews = stoker.keras.Loader(texts, 8, batching=way)
        packed = isinstance(way, stoker.Packed)
        tokens = keras.Input((256 if packed else None,), dtype="int32")
        hidden = keras.layers.Embedding(257, 4)(tokens)
        hidden = hidden if packed else keras.layers.GlobalAveragePooling1D()(hidden)
        out = keras.layers.Dense(3, activation="softmax")(hidden)
        inputs = {"tokens": tokens} if packed else tokens
        if packed:
            inner = reviews._make
            reviews._make = lambda batch, inner=inner: ({"tokens": batch["tokens"]}, *inner(batch)[1:])
        model = keras.Model(inputs, out)
        handed: List[Any] = []
        make = reviews._make

        def note(batch: Any, make: Any = make, handed: List[Any] = handed) -> Any:
            handed.append(batch["index"][: batch.valid].copy())
            return make(batch)

        reviews._make = note
        model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        model.fit(reviews, epochs=2, verbose=0)
        counts = np.bincount(np.concatenate(handed[-2 * len(reviews) :]), minlength=TEXTS)
        assert packed or (counts == 2).all()
        reviews.close()


def test_the_dataset_is_a_folder(texts: str) -> None:
    assert json.loads((Path(texts) / "manifest.json").read_text())["kind"] == "sequences"
