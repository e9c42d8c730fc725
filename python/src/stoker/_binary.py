"""Find the ``stoker`` program that belongs to this package."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import List

from .errors import NotFoundError


def find(*, on_path: bool = True) -> str:
    """Return the path of the program.

    Tried in this order: the environment's ``STOKER_BIN``, the program inside the
    installed package, the build of the repository that holds this package, ``PATH``
    unless ``on_path`` is false.
    """
    tried: List[str] = []
    chosen = os.environ.get("STOKER_BIN")
    if chosen:
        # A choice is a choice: falling back would hide a typing error.
        if _runs(Path(chosen)):
            return str(Path(chosen).resolve())
        raise NotFoundError(
            f"STOKER_BIN names {chosen}, which is not a program",
            hint="correct or unset STOKER_BIN",
        )
    tried.append("STOKER_BIN (not set)")
    package = Path(__file__).resolve().parent
    places = [package / "_bin" / "stoker"]
    repository = package.parents[2]
    if (repository / "go.mod").exists():
        places.append(repository / "bin" / "stoker")
    for place in places:
        if _runs(place):
            return str(place)
        tried.append(str(place))
    if on_path:
        found = shutil.which("stoker")
        if found:
            return str(Path(found).resolve())
        tried.append(f"PATH ({os.environ.get('PATH', '')})")
    raise NotFoundError(
        "the stoker program is not installed; tried:\n  " + "\n  ".join(tried),
        hint="install the wheel (pip install stoker), or build it (make build), or set STOKER_BIN",
    )


def main() -> None:
    """Be the command ``stoker`` that pip installs: become the program."""
    try:
        program = find(on_path=False)  # there it would find this command again
    except NotFoundError as err:
        sys.exit(f"stoker: {err}")
    os.execv(program, ["stoker", *sys.argv[1:]])


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
