"""The loader for numpy: an iterable over the batches of a dataset."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Iterator, List, Optional, Union

from ._base import BaseLoader
from ._epoch import EpochIterator

__all__ = ["Loader"]


class Loader(BaseLoader):
    """Feeds a training loop with batches of a dataset.

    >>> loader = stoker.Loader("photos.stk", batch_size=256)
    >>> for batch in loader:                      # one epoch
    ...     batch["image"]                        # uint8 (256, 224, 224, 3), a read-only view
    ...     batch["label"]                        # int64 (256,)

    Every iteration is one epoch; the next iteration is the next epoch. Leaving the
    loop early gives up the rest of that epoch. The batches are a pure function of
    dataset, transforms, seed, epoch and position: workers, timing, machine and
    number of ranks change nothing.

    Args:
        path: the dataset, as ``stoker pack`` made it, or a folder of pictures in place
            (class folders, flat, or with a labels file), which is slower to read.
        batch_size: samples of one batch on this rank.
        image: what to do with each picture: a :class:`~stoker.RandomResizedCrop` of
            224 pixels where nothing is given.
        transforms: instead of ``image`` and ``flip``, the whole list of operations.
        flip: mirror half of the pictures. By default where ``image`` is a
            ``RandomResizedCrop``, as for training, and not for other ones.
        shuffle: a new random order in every epoch; else the dataset's own.
        seed: of order and augmentation.
        drop_last: leave out a last batch that is not full; short for
            ``last_batch="drop"``.
        last_batch: ``"keep"`` a short last batch, ``"drop"`` it, or ``"pad"`` it with
            samples from the start that do not count (see ``batch.valid``). Ranks
            always take the same number of steps.
        dtype: of the pictures: ``"uint8"`` (the default), ``"float32"``, ``"float16"`` (0 to 1 unless
            normalised) or ``"bfloat16"``, which numpy sees as ``uint16`` bits.
        layout: ``"NHWC"`` or ``"NCHW"``.
        fields: what batches hold; by default ``image``, ``label`` and ``index`` (the
            sample's place in the dataset). Also ``key`` and the dataset's own columns.
        rank: of this process, from 0. By default found: from ``torch.distributed`` where
            it is initialised, then from the environment of torchrun, Slurm, Open MPI.
        world_size: number of processes that share each epoch.
        on_bad_sample: ``"fail"`` with :class:`~stoker.CorruptError`, ``"skip"`` it (the
            batch is shorter), or ``"substitute"`` another one, the same every time.
        workers: threads of the engine for this loader; 0 means as many as pay.
        prefetch_batches: batches kept ready; 0 means automatic.
        memory_budget_bytes: for slots and caches of this loader; 0 means automatic.
        progress: show a bar for each epoch (needs ``tqdm``).
        apply_orientation: turn photographs upright as their EXIF data say.
        epoch: number of the first epoch.
        batching: of a dataset of sequences: the way to batch, such as
            ``stoker.Packed(1024)``; :class:`stoker.Rebalanced` where nothing is given. The
            arguments about pictures do not apply, ``dtype`` is that of the tokens, and every
            batch is one micro-batch: see :mod:`stoker.batching`. ``last_batch="pad"`` gives every
            batch ``batch_size`` rows, and a substitute is not longer than the bad sample.
        collate: a function that is given a list of samples, each a dictionary of views by
            field name (sequences without their padding), and returns what the loop gets
            instead of the batch: what other loaders leave to ``collate_fn``. It runs in
            this process, in step with the training loop: some 2 microseconds a sample for
            the list, and what the function takes, are added to every step.

    A loader may be pickled and sent to another process: specification and place go
    along, the connection does not. After ``fork`` parent and child go on
    independently from the same place. Batches may be used and dropped in any thread;
    several threads may share one iterator, and each batch goes to one of them.
    """

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        batch_size: int = 256,
        *,
        collate: Optional[Callable[[List[Dict[str, Any]]], Any]] = None,
        **options: Any,
    ) -> None:
        self._collate = collate
        super().__init__(path, batch_size, **options)

    _kept = (*BaseLoader._kept, "_collate")

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over one epoch: of :class:`Batch`, or of what ``collate`` made."""
        batches = EpochIterator(self)
        collate = self._collate
        return batches if collate is None else (collate(batch.samples()) for batch in batches)
