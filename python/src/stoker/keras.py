"""A loader for Keras 3: a ``PyDataset`` that ``model.fit`` takes, on every backend.

>>> import stoker.keras
>>> reviews = stoker.keras.Loader("reviews.stk", batch_size=64, batching=stoker.Grouped(ladder=1.3))
>>> model.fit(reviews, epochs=3)

Every batch is a tuple of inputs, targets and sample weights; what is padding has the
weight 0, so that losses and weighted metrics leave it out.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any, Callable, Deque, List, Optional, Set, Tuple, Union

import keras  # type: ignore[import-not-found, import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt

from ._batch import Batch
from .errors import InvalidError
from .loader import Loader as _Loader

__all__ = ["Loader"]

_PEEKED = 4  # batches that Keras may take before training, to build a model


class Loader(keras.utils.PyDataset):  # type: ignore[misc, unused-ignore]
    """Feeds ``model.fit``, ``evaluate`` and ``predict``.

    Of a dataset of sequences, with ``target="label"``:

    * padded ways give ``tokens`` ``(rows, width)``, labels ``(rows,)`` and weights float32
      ``(rows,)``. Rows are filled up with padding of weight 0, to ``batch_size`` where batches
      have equally many samples and else to a power of two, since compilers like few
      shapes; ``ladder=`` does the same for the width.
    * ``stoker.Packed`` gives a dictionary of ``tokens``, ``segment_ids`` and ``positions``, labels
      ``(rows, tokens, 1)`` and weights ``(rows, tokens)``: each sample's label stands at its last token, with weight 1;
      all other places have weight 0. Layers must not look beyond a segment.

    ``target="next"`` is for language models: targets are the tokens one place later, with
    weight 1 where that token belongs to the same sample. Of pictures, batches are pictures,
    labels and weights.

    An epoch of Keras is ``len(loader)`` batches. With ``stoker.Tokens`` and ``stoker.Packed`` the epochs
    of the data differ by a few batches: ``len`` is that of the first one, and what is over
    comes with the next, so nothing is lost. ``shuffle=`` of ``fit`` has no effect. Keras looks at
    up to four batches before it trains; training gets them again.

    Args:
        path: the dataset, as ``stoker pack`` made it.
        batch_size: as for :class:`stoker.Loader`.
        target: ``"label"`` or ``"next"``.
        make: a function that is given each :class:`stoker.Batch` and returns what Keras gets
            instead. It runs in this process, in step with the training loop.
        options: as for :class:`stoker.Loader`.

    Attributes:
        loader: the :class:`stoker.Loader` inside, for ``report()`` and ``stats()``.
    """

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        batch_size: int = 256,
        *,
        target: str = "label",
        make: Optional[Callable[[Batch], Any]] = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if target not in ("label", "next"):
            raise InvalidError(f"target={target!r} is not 'label' or 'next'")
        self.loader = _Loader(path, batch_size, **options)
        self._make: Callable[[Any], Any] = make or (self._labels if target == "label" else self._next_tokens)
        self._stream = self._batches()
        self._kept: Deque[Any] = deque()  # to be handed out again
        self._taken: List[Any] = []  # since the epoch began, the first few
        self._seen: Set[int] = set()  # indices of the epoch
        self._in_order = True
        self._paused = False  # Keras has ended an epoch, perhaps before its end
        self._length: Optional[int] = None

    @property
    def num_batches(self) -> int:
        """The number of batches of an epoch of Keras."""
        if self._length is None:
            self._length = len(self.loader)
        return self._length

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, index: int) -> Any:
        """Return the next batch, whatever the index: the order is the engine's."""
        if len(self._seen) >= self.num_batches:
            self._begin()
        elif self._paused and not (self._in_order and index == len(self._seen)):
            # Not the next one: Keras has begun anew after it had looked.
            if len(self._seen) <= _PEEKED:
                self._kept.extend(self._taken)
            self._begin()
        self._paused = False
        self._in_order = self._in_order and index == len(self._seen)
        self._seen.add(index if index not in self._seen else -len(self._seen) - 1)
        batch = self._kept.popleft() if self._kept else next(self._stream)
        if len(self._taken) < _PEEKED and len(self._seen) <= _PEEKED:
            self._taken.append(batch)
        elif self._taken:
            self._taken.clear()
        return self._make(batch)

    def on_epoch_end(self) -> None:
        """Note that Keras may begin anew."""
        self._paused = True

    def close(self) -> None:
        """End the loader."""
        self._stream.close()
        self.loader.close()

    def _begin(self) -> None:
        self._seen.clear()
        self._taken.clear()
        self._in_order = True

    def _batches(self) -> Any:
        """Iterate over the batches of all epochs."""
        while True:
            yield from self.loader

    # -- what Keras gets --------------------------------------------------------

    def _labels(self, batch: Any) -> Tuple[Any, ...]:
        if "segment_ids" in batch:
            return self._packed_labels(batch)
        if not self.loader._sequences:
            return batch["image"], batch["label"], _weights(len(batch["label"]), batch.valid)
        if "cu_seqlens" in batch:
            raise InvalidError("batches without padding are not for Keras; give make= a function that knows them")
        tokens, rows = _sequence(batch), self._rows(batch)
        return _fill(tokens, rows), _fill(batch["label"], rows), _weights(rows, len(tokens))

    def _packed_labels(self, batch: Any) -> Tuple[Any, ...]:
        tokens = _sequence(batch)
        shape = tokens.shape[:2]
        targets = np.zeros(shape[0] * shape[1], np.int64)
        weights = np.zeros(shape[0] * shape[1], np.float32)
        lengths = batch["lengths"][: batch.valid]
        ends = (batch["starts"][: batch.valid] + lengths - 1)[lengths > 0]
        targets[ends] = batch["label"][: batch.valid][lengths > 0]
        weights[ends] = 1
        return _inputs(batch), targets.reshape(*shape, 1), weights.reshape(shape)

    def _next_tokens(self, batch: Any) -> Tuple[Any, ...]:
        tokens = batch["tokens"]
        targets = np.zeros_like(tokens)
        targets[:, :-1] = tokens[:, 1:]
        weights = np.zeros(tokens.shape, np.float32)
        if "segment_ids" in batch:
            segments = batch["segment_ids"]
            weights[:, :-1] = (segments[:, 1:] == segments[:, :-1]) & (segments[:, 1:] > 0)
            return _inputs(batch), targets, weights
        weights[:] = np.arange(tokens.shape[1]) < batch["lengths"][:, None] - 1
        rows = self._rows(batch)
        return _fill(tokens, rows), _fill(targets, rows), _fill(weights, rows)

    def _rows(self, batch: Any) -> int:
        """Return the number of rows to fill up to."""
        rows, size = len(_sequence(batch)), self.loader.batch_size
        way = self.loader._request["batching"]["way"]
        if way in ("fixed", "grouped") or (way == "rebalanced" and self.loader.world_size * batch.micros == 1):
            return size
        return 1 << max(rows - 1, 0).bit_length()


def _inputs(batch: Any) -> Any:
    main = next(iter(batch))
    return {name: batch[name] for name in (main, "segment_ids", "positions")}


def _sequence(batch: Any) -> Any:
    """Return the sequences themselves, which are the first field."""
    return batch[next(iter(batch))]


def _weights(rows: int, valid: int) -> npt.NDArray[np.float32]:
    weights = np.zeros(rows, np.float32)
    weights[:valid] = 1
    return weights


def _fill(array: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """Return the array with so many rows; new ones are zero."""
    if len(array) == rows:
        return array
    filled = np.zeros((rows, *array.shape[1:]), array.dtype)
    filled[: len(array)] = array
    return filled
