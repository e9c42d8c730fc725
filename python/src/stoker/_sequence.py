"""What a loader of sequences hands out for one micro-batch."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

import numpy as np

from ._batch import Batch, Field, parse_fields, text
from ._place import At
from ._shm import Lease
from ._wire import SequenceFrame


class Fields(NamedTuple):
    """Where the fields of a batch of sequences stand in a slot."""

    texts: List[Field]
    tensors: List[Tuple[str, Any, Tuple[int, ...], bool, int]]
    """Name, dtype, shape, whether the shape differs from batch to batch, offset."""


def parse(described: List[Dict[str, Any]]) -> Fields:
    """Read the ``fields`` of an OPENED frame."""
    texts, tensors = [], []
    for entry, field in zip(described, parse_fields(described)):
        if field.dtype is None:
            texts.append(field)
            continue
        shape = tuple(entry["shape"])
        tensors.append((field.name, field.dtype, shape, min(shape) < 0, field.offset))
    return Fields(texts, tensors)


class SequenceBatch(Batch):
    """The sequences of one micro-batch, by field name: ``batch["tokens"]``.

    :mod:`stoker.batching` says which fields each way to batch gives. Arrays are views of
    shared memory, as those of every :class:`Batch`.

    Attributes:
        epoch: number of the epoch, from 0.
        step: number of the step in the epoch, from 0.
        micro: number of the batch in its step on this rank, from 0.
        micros: batches of the step on every rank; the parameters change after the last.
        position: how far the epoch's order was read; the state has the exact place.
        valid: samples (or pieces of split ones) in this batch. Where shapes are fixed, the
            first ``valid`` labels count.
        step_samples: samples of the step over all ranks.
        step_tokens: tokens of the step over all ranks, without padding.
        max_seqlen: tokens of the longest sequence between two of ``cu_seqlens``.
    """

    __slots__ = ("max_seqlen", "micro", "micros", "step_samples", "step_tokens")

    def __init__(self, frame: SequenceFrame, fields: Fields, lease: Lease) -> None:
        self.epoch, self.step, self.position, self.valid = frame.epoch, frame.step, frame.position, frame.valid
        self.at: At = frame.at
        width, self.max_seqlen, self.micro, self.micros, self.step_samples, self.step_tokens = frame.tail
        whole = lease.view()
        # The sizes that a negative number of a shape stands for, by that number.
        sizes = (0, frame.valid + 1, frame.valid, width, frame.rows)
        self._values: Dict[str, Any] = {
            name: np.ndarray(
                tuple([sizes[n] if n < 0 else n for n in shape]) if varies else shape,
                dtype,
                buffer=whole,
                offset=offset,
            )
            for name, dtype, shape, varies, offset in fields.tensors
        }
        for field in fields.texts:
            self._values[field.name] = text(whole, field, frame.valid)

    def samples(self) -> List[Dict[str, Any]]:
        """Return one dictionary for each sample: its tokens without padding, and its
        further fields. Costs about 2 microseconds a sample.
        """
        values = self._values
        names = [n for n in values if n in _FIXED]
        main = next((n for n, v in values.items() if isinstance(v, np.ndarray) and n not in _FIXED and v.ndim), None)
        lengths = values.get("lengths")
        others = {n: v for n, v in values.items() if n not in names and n != main}
        rows: List[Dict[str, Any]] = []
        for i in range(self.valid):
            row = {n: v[i] for n, v in others.items()}
            if main is not None and lengths is not None:
                row[main] = self._tokens(values[main], i, int(lengths[i]))
            rows.append(row)
        return rows

    def _tokens(self, tokens: Any, i: int, length: int) -> Any:
        starts = self._values.get("starts")
        if starts is not None:  # packed
            flat = tokens.reshape(-1, *tokens.shape[2:])
            return flat[starts[i] : starts[i] + length]
        borders = self._values.get("cu_seqlens")
        if borders is not None:
            return tokens[borders[i] : borders[i] + length]
        return tokens[i, :length]

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, {self.valid} samples, {self.step_tokens} tokens in the step>"


class Arrays(Dict[str, Any]):
    """The arrays of a framework by field name, for one batch of sequences.

    Attributes:
        epoch, step, micro, micros, valid, step_samples, step_tokens, max_seqlen: as those
            of :class:`SequenceBatch`; Python integers.
    """

    __slots__ = ("epoch", "max_seqlen", "micro", "micros", "step", "step_samples", "step_tokens", "valid")

    def __init__(self, batch: SequenceBatch, arrays: Iterable[Any]) -> None:
        super().__init__(zip(batch, arrays))
        for name in self.__slots__:
            setattr(self, name, getattr(batch, name))


_FIXED = frozenset(("lengths", "mask", "segment_ids", "positions", "cu_seqlens", "starts"))
