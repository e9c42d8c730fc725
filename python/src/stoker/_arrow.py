"""Read the index of a dataset: the few parts of Arrow IPC files that it uses.

A dataset is plain Arrow, and pyarrow reads it too. This small reader keeps numpy the
only package needed. Columns are mapped; a column that lies in several record batches is
joined when it is asked for. Layouts: arrow.apache.org, "Columnar format"; flatbuffers:
google.github.io/flatbuffers, "Internals".
"""

from __future__ import annotations

import mmap
import struct
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union, overload

import numpy as np
import numpy.typing as npt

from .errors import CorruptError

_MAGIC = b"ARROW1"
_INT, _FLOAT, _UTF8, _BOOL = 2, 3, 5, 6  # members of the union Type


class _Table:
    """A flatbuffers table: a position whose fields are found through a vtable."""

    __slots__ = ("_buffer", "_position")

    def __init__(self, buffer: bytes, position: int) -> None:
        self._buffer = buffer
        self._position = position

    @classmethod
    def root(cls, buffer: bytes) -> _Table:
        return cls(buffer, struct.unpack_from("<I", buffer)[0])

    def _place(self, field: int) -> int:
        """Return where the field's value stands, or 0 where it has its default."""
        vtable = self._position - int(struct.unpack_from("<i", self._buffer, self._position)[0])
        size = int(struct.unpack_from("<H", self._buffer, vtable)[0])
        slot = 4 + 2 * field
        if slot >= size:
            return 0
        offset = int(struct.unpack_from("<H", self._buffer, vtable + slot)[0])
        return self._position + offset if offset else 0

    def number(self, field: int, layout: str, default: int = 0) -> int:
        place = self._place(field)
        return int(struct.unpack_from("<" + layout, self._buffer, place)[0]) if place else default

    def _target(self, field: int) -> int:
        place = self._place(field)
        return place + int(struct.unpack_from("<I", self._buffer, place)[0]) if place else 0

    def table(self, field: int) -> _Table:
        return _Table(self._buffer, self._target(field))

    def text(self, field: int) -> str:
        place = self._target(field)
        size = int(struct.unpack_from("<I", self._buffer, place)[0])
        return self._buffer[place + 4 : place + 4 + size].decode()

    def tables(self, field: int) -> Iterator[_Table]:
        place = self._target(field)
        for i in range(int(struct.unpack_from("<I", self._buffer, place)[0]) if place else 0):
            at = place + 4 + 4 * i
            yield _Table(self._buffer, at + int(struct.unpack_from("<I", self._buffer, at)[0]))

    def structs(self, field: int, layout: str) -> List[Tuple[int, ...]]:
        place = self._target(field)
        count = int(struct.unpack_from("<I", self._buffer, place)[0]) if place else 0
        shape = struct.Struct("<" + layout)
        return list(shape.iter_unpack(self._buffer[place + 4 : place + 4 + count * shape.size]))


class _Field(NamedTuple):
    name: str
    kind: int
    dtype: np.dtype[Any]  # of the values buffer; of the offsets for text


class _Piece(NamedTuple):
    """One column in one record batch."""

    rows: int
    nulls: int
    buffers: List[memoryview]


class TextColumn(Sequence[Optional[str]]):
    """A text column: a read-only sequence of ``str``, and ``None`` where there is none."""

    def __init__(self, pieces: List[_Piece]) -> None:
        self._pieces = pieces
        self._ends = np.cumsum([p.rows for p in pieces])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @overload
    def __getitem__(self, index: int) -> Optional[str]: ...

    @overload
    def __getitem__(self, index: slice) -> List[Optional[str]]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Optional[str], List[Optional[str]]]:
        if isinstance(index, slice):
            return [self._at(i) for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        return self._at(at)

    def _at(self, row: int) -> Optional[str]:
        number = int(np.searchsorted(self._ends, row, side="right"))
        piece = self._pieces[number]
        row -= int(self._ends[number]) - piece.rows
        validity, offsets, data = piece.buffers
        if piece.nulls and not validity[row // 8] >> (row % 8) & 1:
            return None
        start, end = struct.unpack_from("<ii", offsets, 4 * row)
        return bytes(data[start:end]).decode()


class IndexFile:
    """The columns of an Arrow IPC file with numbers, booleans and text, mapped read-only."""

    def __init__(self, path: str) -> None:
        try:
            with open(path, "rb") as file:
                self._map = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            self._read()
        except (struct.error, ValueError, IndexError, KeyError, UnicodeDecodeError) as err:
            raise CorruptError(
                f"the index is not readable: {err}", path=path, hint="run: stoker verify DATASET"
            ) from err

    def _read(self) -> None:
        data = self._map
        size = int(struct.unpack_from("<i", data, len(data) - 10)[0])
        if bytes(data[:6]) != _MAGIC or bytes(data[-6:]) != _MAGIC or not 0 < size <= len(data) - 18:
            raise ValueError("it does not begin and end as an Arrow file does")
        footer = _Table.root(bytes(data[len(data) - 10 - size : len(data) - 10]))
        self.fields = [_field(f) for f in footer.table(1).tables(1)]
        self._columns: Dict[str, List[_Piece]] = {f.name: [] for f in self.fields}
        for offset, metadata, body in footer.structs(3, "qi4xq"):
            self._read_batch(offset, metadata, body)

    def _read_batch(self, offset: int, metadata: int, body: int) -> None:
        message = _Table.root(bytes(self._map[offset + 8 : offset + metadata]))
        batch = message.table(2)
        start = offset + metadata
        if start + body > len(self._map):
            raise ValueError("a record batch lies behind the end of the file")
        nodes = batch.structs(1, "qq")
        buffers = iter(self._map[start + at : start + at + size] for at, size in batch.structs(2, "qq"))
        for field, (rows, nulls) in zip(self.fields, nodes):
            count = 3 if field.kind == _UTF8 else 2
            self._columns[field.name].append(_Piece(rows, nulls, [next(buffers) for _ in range(count)]))

    def column(self, name: str) -> Union[npt.NDArray[Any], TextColumn]:
        """Return a column; one with nulls as a masked array. Raises ``KeyError``."""
        pieces = self._columns[name]
        field = next(f for f in self.fields if f.name == name)
        if field.kind == _UTF8:
            return TextColumn(pieces)
        parts = [_values(field, p) for p in pieces]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0, field.dtype)])
        if any(p.nulls for p in pieces):
            valid = np.concatenate([_bits(p.buffers[0], p.rows) if p.nulls else np.ones(p.rows, bool) for p in pieces])
            return np.ma.MaskedArray(values, mask=~valid)  # type: ignore[no-untyped-call, unused-ignore]
        values.flags.writeable = False
        return values


def _field(table: _Table) -> _Field:
    name, kind, of = table.text(0), table.number(2, "B"), table.table(3)
    if kind == _INT:
        signed = "i" if of.number(1, "B") else "u"
        return _Field(name, kind, np.dtype(f"<{signed}{of.number(0, 'i') // 8}"))
    if kind == _FLOAT:
        return _Field(name, kind, np.dtype(f"<f{2 << of.number(0, 'h')}"))
    if kind == _UTF8:
        return _Field(name, kind, np.dtype("<i4"))
    if kind == _BOOL:
        return _Field(name, kind, np.dtype(bool))
    raise ValueError(f"column {name} has a type that no index has")


def _values(field: _Field, piece: _Piece) -> npt.NDArray[Any]:
    if field.kind == _BOOL:
        return _bits(piece.buffers[1], piece.rows)
    return np.frombuffer(piece.buffers[1], field.dtype, piece.rows)


def _bits(buffer: memoryview, rows: int) -> npt.NDArray[np.bool_]:
    packed = np.frombuffer(buffer, np.uint8)
    return np.unpackbits(packed, count=rows, bitorder="little").astype(bool)
