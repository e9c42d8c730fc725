"""A loader of JAX arrays.

>>> import stoker.jax
>>> loader = stoker.jax.Loader("photos.stk", batch_size=256)
>>> for images, labels in loader:
...     state = train_step(state, images, labels)

On a CPU the arrays share memory with the engine: nothing is copied, and the memory is
kept until the last array, and the last computation under way that reads it, is gone
(JAX holds the numpy view as long as a buffer refers to it). Elsewhere they are sent to
the device asynchronously, and the memory is kept until they have arrived.
"""

from __future__ import annotations

import os
from typing import Any, Iterator, Optional, Sequence, Union

import jax  # type: ignore[import-not-found, unused-ignore]
import numpy as np

from ._base import BaseLoader
from ._batch import Batch
from ._epoch import EpochIterator
from ._sequence import Arrays, SequenceBatch
from .dataset import Dataset, kind_of

__all__ = ["Loader"]


class Loader(BaseLoader):
    """Feeds a training loop with tuples of JAX arrays, one per field.

    Args:
        path: the dataset, as ``stoker pack`` made it.
        batch_size: samples of one batch on this process.
        fields: what the tuples hold, in this order. Text fields are lists of ``str``.
        device: a ``jax.Device`` or a ``jax.sharding.Sharding`` to put arrays on; JAX's
            default device where nothing is given.
        options: as for :class:`stoker.Loader`. With ``dtype="bfloat16"`` pictures are
            ``jax.numpy.bfloat16``. int64 fields come as int32 unless JAX's x64 mode is on.

    Of a dataset of sequences the loop gets dictionaries of arrays by field name, see
    :mod:`stoker.batching`. For functions that are compiled, ``stoker.Packed`` gives one shape, and
    ``stoker.Fixed(ladder=1.1)`` few.

    Pictures are ``(batch, height, width, 3)``, or ``(batch, 3, height, width)`` with
    ``layout="NCHW"``.
    """

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        batch_size: int = 256,
        *,
        fields: Optional[Sequence[str]] = None,
        device: Any = None,
        **options: Any,
    ) -> None:
        self._device = device
        self._bfloat16 = options.get("dtype") == "bfloat16"
        if fields is None and kind_of(path) != "sequences":
            fields = ("image", "label")
        super().__init__(path, batch_size, fields=fields, **options)

    _kept = (*BaseLoader._kept, "_device", "_bfloat16")

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over one epoch."""
        return map(self._arrays, EpochIterator(self))

    def _arrays(self, batch: Batch) -> Any:
        arrays = [self._array(name, value) for name, value in batch.items()]
        return Arrays(batch, arrays) if isinstance(batch, SequenceBatch) else tuple(arrays)

    def _array(self, name: str, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        if name == "image" and self._bfloat16:
            value = value.view(jax.numpy.bfloat16)
        elif value.dtype == np.int64 and not jax.config.jax_enable_x64:  # type: ignore[attr-defined, unused-ignore]
            value = value.astype(np.int32)
        # device_put, unlike asarray, lets a CPU array share a read-only numpy array.
        return jax.device_put(value, self._device)

    @property
    def dataset(self) -> Dataset:
        """The dataset, for ``len(loader.dataset)`` and ``loader.dataset.classes``."""
        return Dataset(self._request["dataset"])
