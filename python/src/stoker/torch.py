"""A loader of PyTorch tensors, to stand where a ``DataLoader`` stood.

>>> import stoker.torch
>>> loader = stoker.torch.Loader("photos.stk", batch_size=256, device="cuda")
>>> for epoch in range(90):
...     loader.set_epoch(epoch)
...     for images, labels in loader:
...         loss = criterion(model(images), labels)
"""

from __future__ import annotations

import functools
import os
import weakref
from collections import deque
from typing import Any, Callable, Deque, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch  # type: ignore[import-not-found, unused-ignore]

from ._base import BaseLoader
from ._batch import Batch
from ._epoch import EpochIterator
from ._sequence import Arrays, SequenceBatch
from ._shm import Slot
from .dataset import Dataset, kind_of
from .errors import InvalidError, UnsupportedError

__all__ = ["Loader", "Sequences"]

Sequences = Arrays

_SIGNED = {"uint16": np.int16, "uint32": np.int32, "uint64": np.int64}


class Loader(BaseLoader):
    """Feeds a training loop with tuples of tensors, one per field.

    Pictures have the shape ``(batch, 3, height, width)`` that PyTorch expects, in
    ``torch.channels_last`` memory order, which convolutions like best; with
    ``layout="NCHW"`` in the classic one. Labels are int64 ``(batch,)``. On the CPU nothing
    is copied: tensors share memory with the engine, which reuses it once all tensors that
    view it are gone. They may be written to.

    Of a dataset of sequences the loop gets dictionaries of tensors by field name instead,
    see :class:`stoker.torch.Sequences` and :mod:`stoker.batching`.

    Args:
        path: the dataset, as ``stoker pack`` made it.
        batch_size: samples of one batch on this rank.
        fields: what the tuples hold, in this order. Text fields are lists of ``str``.
        dtype: of the pictures. ``"float32"`` in 0 to 1, as torchvision's ``ToTensor``
            gives, unless the transforms end with :class:`stoker.Normalize`; also
            ``"float16"``, ``"bfloat16"``, and ``"uint8"``: a quarter of the memory and of the
            transfer, to be normalised on the device.
        device: a CUDA device to copy to. Copies run on a stream of their own, from pinned
            memory, one batch ahead of the training step.
        pin_memory: copy batches into pinned memory, as ``DataLoader`` does, for a loop
            that copies to a device itself. Not needed with ``device``.
        nested: of sequences with ``stoker.Rebalanced(varlen=True)``: give ``tokens`` as a nested
            tensor of jagged layout, which views the batch.
        options: as for :class:`stoker.Loader`. Rank and world size come from
            ``torch.distributed`` where it is initialised.
    """

    _writable = True  # tensors cannot be read-only; writing spoils this one batch alone
    _kept = (*BaseLoader._kept, "_device", "_pin_memory", "_dtype", "_nested")

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        batch_size: int = 256,
        *,
        fields: Optional[Sequence[str]] = None,
        dtype: Optional[str] = None,
        nested: bool = False,
        device: Union[str, torch.device, None] = None,
        pin_memory: bool = False,
        **options: Any,
    ) -> None:
        self._device = _cuda(device)
        self._pin_memory = pin_memory
        self._dtype = dtype
        if pin_memory and self._device is not None:
            raise InvalidError("device= copies from pinned memory by itself; leave pin_memory out")
        self._nested = nested
        if kind_of(path) != "sequences":
            fields, dtype = fields or ("image", "label"), dtype or "float32"
            self._dtype = dtype
            if nested:
                raise InvalidError("nested=True is for sequences")
        elif nested and (fields is not None or not getattr(options.get("batching"), "varlen", False)):
            raise InvalidError("nested=True takes batching=stoker.Rebalanced(varlen=True) and its fields")
        super().__init__(path, batch_size, fields=fields, dtype=dtype, **options)

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over one epoch."""
        batches = EpochIterator(self)
        if self._device is not None:
            return self._copied_ahead(batches, self._device)
        return (self._handed_out(batch, self._tensors(batch)) for batch in batches)

    def _tensors(self, batch: Batch) -> Tuple[Any, ...]:
        tensors = tuple(self._tensor(name, value) for name, value in batch.items())
        if self._pin_memory and torch.cuda.is_available():
            return tuple(t.pin_memory() if isinstance(t, torch.Tensor) else t for t in tensors)
        return tensors

    def _handed_out(self, batch: Batch, tensors: Sequence[Any]) -> Any:
        """Return what the loop gets: a tuple, or of sequences a dictionary."""
        if not isinstance(batch, SequenceBatch):
            return tuple(tensors)
        arrays = Arrays(batch, tensors)
        if self._nested:
            name = next(iter(arrays))
            arrays[name] = torch.nested.nested_tensor_from_jagged(
                arrays[name], offsets=arrays["cu_seqlens"].long(), max_seqlen=batch.max_seqlen
            )
        return arrays

    def _tensor(self, name: str, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        # What older versions of PyTorch know; token ids may be above 32,767.
        signed = None if self._sequences else _SIGNED.get(value.dtype.name)
        tensor = torch.from_numpy(value.view(signed) if signed else value)
        if name != "image":
            return tensor
        if self._dtype == "bfloat16":
            tensor = tensor.view(torch.bfloat16)
        channels_last = self._request["pipeline"]["output"]["layout"] == "NHWC"
        return tensor.permute(0, 3, 1, 2) if channels_last else tensor

    # -- copies to a device ---------------------------------------------------

    def _copied_ahead(self, batches: EpochIterator, device: torch.device) -> Iterator[Any]:
        """Copy each batch while the step before computes."""
        stream = torch.cuda.Stream(device)
        under_way: Deque[Tuple[torch.cuda.Event, Any]] = deque()  # keeps what copies read
        ahead: Optional[Tuple[Batch, List[Any], torch.cuda.Event]] = None
        try:
            for batch in batches:
                tensors = self._tensors(batch)
                with torch.cuda.stream(stream):
                    moved = [t.to(device, non_blocking=True) if isinstance(t, torch.Tensor) else t for t in tensors]
                    arrived = stream.record_event()
                under_way.append((arrived, tensors))
                while under_way and under_way[0][0].query():
                    under_way.popleft()
                if ahead is not None:
                    yield self._arrived(*ahead)
                ahead = (batch, moved, arrived)
                del batch, tensors
            following = self._cursor
            if ahead is not None:
                yield self._arrived(*ahead)
            self._cursor = following
        finally:
            stream.synchronize()  # a slot may not be reused while a copy reads it

    def _arrived(self, batch: Batch, moved: List[Any], arrived: torch.cuda.Event) -> Any:
        """Make the step wait for the copy, and the state that of this batch."""
        current = torch.cuda.current_stream(self._device)
        current.wait_event(arrived)
        for tensor in moved:
            if isinstance(tensor, torch.Tensor):
                tensor.record_stream(current)
        self._cursor = (batch.epoch, batch.at)
        self._valid = batch.valid
        return self._handed_out(batch, moved)

    @property
    def _on_slot(self) -> Optional[Callable[[Slot], None]]:
        return None if self._device is None else functools.partial(_pin, self._device)

    @property
    def dataset(self) -> Dataset:
        """The dataset, for ``len(loader.dataset)`` and ``loader.dataset.classes``."""
        return Dataset(self._request["dataset"])


def _pin(device: torch.device, slot: Slot) -> None:
    """Pin a slot's memory, so that copies from it are asynchronous."""
    cuda = torch.cuda.cudart()
    with torch.cuda.device(device):
        if int(cuda.cudaHostRegister(slot.address, slot.nbytes, 0)) == 0:
            weakref.finalize(slot, cuda.cudaHostUnregister, slot.address)
        # Else the system allows no more pinned memory: copies work, but in step.


def _cuda(device: Union[str, torch.device, None]) -> Optional[torch.device]:
    """Return the CUDA device to copy to, or ``None`` where tensors stay on the CPU."""
    if device is None or torch.device(device).type == "cpu":
        return None
    chosen = torch.device(device)
    if chosen.type != "cuda":
        raise UnsupportedError(
            f"device {chosen}: batches are copied to CUDA devices only",
            hint="leave device= out and move the tensors in the loop",
        )
    if not torch.cuda.is_available():
        raise UnsupportedError(f"device {chosen}: this PyTorch sees no CUDA device")
    return chosen if chosen.index is not None else torch.device("cuda", torch.cuda.current_device())
