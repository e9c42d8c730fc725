"""A bar for one epoch, in a terminal or a notebook, by tqdm."""

from __future__ import annotations

from typing import Any

from .errors import UnsupportedError


class Bar:
    """Shows batches done, time left, and the share of time spent waiting for data."""

    def __init__(self, epoch: int, steps: int, done: int) -> None:
        try:
            from tqdm.auto import tqdm  # type: ignore[import-untyped, import-not-found, unused-ignore]
        except ImportError as err:
            raise UnsupportedError(
                "progress=True needs the package tqdm, which is not installed",
                hint="pip install tqdm, or leave progress=False",
            ) from err
        self._bar: Any = tqdm(
            total=steps, initial=done, desc=f"epoch {epoch}", unit="batch", leave=True, dynamic_ncols=True
        )

    def step(self, waited_share: float) -> None:
        """Count one batch."""
        self._bar.set_postfix_str(f"waited {100 * waited_share:.0f} %", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


def check() -> None:
    """Raise ``UnsupportedError`` where no bar can be shown."""
    try:
        import tqdm  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: F401
    except ImportError:
        Bar(0, 0, 0)
