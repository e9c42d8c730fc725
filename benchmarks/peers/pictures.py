"""The photographs: a folder of class folders with JPEGs."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = {".jpg", ".jpeg"}


def pictures(folder: Path) -> list[tuple[Path, int]]:
    """Return the JPEGs of a folder of class folders, with the classes' numbers."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
