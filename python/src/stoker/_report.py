"""The verdict on an epoch, in one sentence."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Dict, Optional

if TYPE_CHECKING:
    from ._session import Session


@dataclasses.dataclass
class Epoch:
    """What the trainer's side saw of one epoch.

    Attributes:
        number: of the epoch.
        wall_s: seconds from asking for the first batch to the end, or until now.
        waited_s: seconds of them in which the trainer waited for a batch.
        batches: batches handed out.
        samples: samples in them that count.
        first_s: seconds until the first batch, a part of ``waited_s``.
        engine: the engine's own figures, as STATS_REPLY has them; empty when unknown.
        source: the session that knows them.
        complete: whether the epoch is over and they have been asked for.
    """

    number: int = 0
    wall_s: float = 0.0
    waited_s: float = 0.0
    batches: int = 0
    samples: int = 0
    first_s: float = 0.0
    engine: Dict[str, Any] = dataclasses.field(default_factory=dict)
    source: Optional[Session] = None
    complete: bool = False

    @property
    def waited_share(self) -> float:
        """The share of the epoch, 0 to 1, in which the trainer waited."""
        return self.waited_s / self.wall_s if self.wall_s > 0 else 0.0

    def sentence(self) -> str:
        """Return how long the trainer waited, what limits, and what would help."""
        if not self.batches:
            return "nothing was measured yet"
        said = self.engine.get("sentence")
        if isinstance(said, str) and said:
            return said
        return (
            f"waited for data {100 * self.waited_share:.0f} % of the epoch ({self.waited_s:.2g} s); "
            "the engine's figures are lost, so what limits is not known"
        )
