"""Look things up in a packed dataset: labels, keys, columns. No engine is needed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._arrow import IndexFile, TextColumn
from .errors import CorruptError, InvalidError, NotFoundError, UnsupportedError

__all__ = ["Dataset"]

_VERSION = 1


class Dataset:
    """A packed dataset, for looking things up; a :class:`~stoker.Loader` reads pictures.

    >>> dataset = stoker.Dataset("photos.stk")
    >>> len(dataset), dataset.classes[dataset.labels[7]], dataset.keys[7]

    Opening takes no longer for more samples: the index is mapped, not read. The
    place of a sample in it is what a batch's ``index`` field holds.
    """

    def __init__(self, path: Union[str, os.PathLike[str]]) -> None:
        """Open the dataset. Raises ``NotFoundError``, ``CorruptError``, ``UnsupportedError``."""
        self.path = os.path.abspath(os.fspath(path))
        self._manifest = _read_manifest(Path(self.path))
        self._index: Optional[IndexFile] = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return int(self._manifest["samples"])

    @property
    def classes(self) -> Tuple[str, ...]:
        """Names of the classes, by label."""
        return tuple(self._manifest.get("classes") or ())

    @property
    def fingerprint(self) -> str:
        """What training can see of the dataset, as a hash."""
        return str(self._manifest.get("fingerprint", ""))

    @property
    def fields(self) -> Tuple[str, ...]:
        """Names of the columns that :meth:`column` gives."""
        return tuple(f.name for f in self._columns().fields)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class numbers, int64 ``(samples,)``, read-only; -1 where there is none."""
        values: npt.NDArray[np.int64] = self.column("label")
        return values

    @property
    def keys(self) -> Sequence[Optional[str]]:
        """Names of the samples: their paths relative to the packed folder."""
        column = self.column("key")
        assert isinstance(column, TextColumn)
        return column

    def column(self, name: str) -> Any:
        """Return a column of the index by sample.

        Numbers and booleans are read-only arrays ``(samples,)``, masked where values are
        missing; text is a sequence of ``str`` or ``None``.
        """
        try:
            return self._columns().column(name)
        except KeyError:
            raise InvalidError(
                f"no column {name!r}", path=self.path, hint=f"there are {', '.join(self.fields)}"
            ) from None

    def _columns(self) -> IndexFile:
        if self._index is None:
            self._index = IndexFile(os.path.join(self.path, self._manifest["index"]["file"]))
        return self._index

    def __getstate__(self) -> Dict[str, Any]:
        return {"path": self.path, "_manifest": self._manifest}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._index = None

    def __repr__(self) -> str:
        return f"<stoker.Dataset {Path(self.path).name}, {len(self)} samples, {len(self.classes)} classes>"


def kind_of(path: Union[str, os.PathLike[str]]) -> str:
    """Return what the samples are, such as ``"images"``; that too where it cannot be read: the
    engine says why.
    """
    try:
        return str(json.loads((Path(path) / "manifest.json").read_text(encoding="utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return "images"


def _read_manifest(folder: Path) -> Dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "pack a folder with: stoker pack FOLDER -o NAME.stk"
        if folder.with_name(folder.name + ".partial").exists():
            hint = "packing it did not finish: run the same stoker pack again"
        raise NotFoundError("no such dataset", path=str(folder), hint=hint) from None
    except NotADirectoryError:
        raise InvalidError("a file, not a dataset", path=str(folder)) from None
    except (ValueError, UnicodeDecodeError) as err:
        raise CorruptError(f"the manifest is not readable: {err}", path=str(folder)) from err
    if not isinstance(manifest, dict) or manifest.get("format") != "stoker-dataset":
        raise CorruptError("the manifest is not that of a dataset", path=str(folder))
    if manifest.get("version", 0) > _VERSION:
        raise UnsupportedError(
            f"the dataset has version {manifest['version']}, this Stoker reads version {_VERSION}",
            path=str(folder),
            hint="install a newer Stoker",
        )
    return manifest
