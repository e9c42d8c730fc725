"""What a loader hands out for one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._shm import Lease
from ._wire import BatchFrame

if TYPE_CHECKING:
    BatchBase = Mapping[str, Any]
else:
    BatchBase = Mapping

# The element types of the wire as numpy knows them. numpy has no bfloat16: such
# fields come as their 16 bits; the torch and JAX adapters view them properly.
_DTYPES = {"bfloat16": "uint16"}


class Field(NamedTuple):
    """Where a field of a batch stands in a slot."""

    name: str
    dtype: Union[np.dtype[Any], None]  # None: text
    shape: Tuple[int, ...]  # of one sample
    offset: int
    data_offset: int


def parse_fields(described: List[Dict[str, Any]]) -> List[Field]:
    """Read the ``fields`` of an OPENED frame."""
    fields = []
    for entry in described:
        tensor = entry["kind"] == "tensor"
        dtype = np.dtype(_DTYPES.get(entry["dtype"], entry["dtype"])) if tensor else None
        shape = tuple(entry["shape"][1:]) if tensor else ()
        fields.append(Field(entry["name"], dtype, shape, entry["offset"], entry.get("data_offset", 0)))
    return fields


class Batch(BatchBase):
    """The samples of one step, by field name: ``batch["image"]``.

    Arrays are read-only views of memory shared with the engine, with the samples
    on the first axis; text fields are lists of ``str``. The memory is reused once
    the batch and all arrays taken from it are gone; until then it does not change.
    Use :meth:`copy` for arrays to write to or to keep for long.

    Attributes:
        epoch: number of the epoch, from 0.
        step: number of the batch in the epoch on this rank, from 0.
        position: samples of the epoch consumed after this batch, over all ranks.
        valid: how many of the first samples count; the rest pad the batch so that
            all ranks take the same number of steps.
    """

    __slots__ = ("_values", "at", "epoch", "position", "step", "valid")

    def __init__(self, frame: BatchFrame, fields: List[Field], lease: Lease) -> None:
        self.epoch = frame.epoch
        self.step = frame.step
        self.position = frame.position
        self.at = frame.at  # for the state
        self.valid = frame.valid
        whole = lease.view()
        rows = frame.rows
        self._values: Dict[str, Any] = {
            f.name: text(whole, f, rows)
            if f.dtype is None
            else np.ndarray((rows, *f.shape), f.dtype, buffer=whole, offset=f.offset)
            for f in fields
        }

    def __getitem__(self, name: str) -> Any:
        """Return a field's array (or list of texts)."""
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(f"{name!r}: this batch has {', '.join(self._values)}") from None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the fields' names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._values)

    def samples(self) -> List[Dict[str, Any]]:
        """Return one dictionary for each sample that counts, of views."""
        return [{name: value[i] for name, value in self._values.items()} for i in range(self.valid)]

    def copy(self) -> Dict[str, Any]:
        """Return the fields as arrays of their own: writable, and free to keep."""
        return {name: value.copy() for name, value in self._values.items()}

    def __repr__(self) -> str:
        parts = [
            f"{name}: {value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else f"{name}: text"
            for name, value in self._values.items()
        ]
        return f"<stoker.Batch epoch {self.epoch} step {self.step}, {', '.join(parts)}>"


def text(whole: npt.NDArray[np.uint8], field: Field, rows: int) -> List[str]:
    """Return the texts of a field."""
    ends = np.ndarray((rows + 1,), np.int32, buffer=whole, offset=field.offset).tolist()
    start = field.data_offset
    data = whole[start + ends[0] : start + ends[-1]].tobytes()
    first = ends[0]
    return [data[a - first : b - first].decode() for a, b in zip(ends, ends[1:])]
