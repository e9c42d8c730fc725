"""Ways to make batches of sequences whose lengths differ.

A way is a small frozen value; the engine plans and does the work, as a pure function
of (lengths, seed, epoch, ranks). ``stoker plan`` shows beforehand what each costs in
padding and in randomness. With all of them ranks take equally many steps without
talking, every sample comes once in an epoch, and a state can be resumed with another
batch size and on another number of ranks.

Every batch holds, beside what its way adds,

* ``label`` int64 and ``index`` int64 (place in the dataset), one for each sample,
* the attributes ``step_samples`` and ``step_tokens``: what all ranks compute on before the
  parameters change. A loss summed over tokens and divided by ``step_tokens`` is right
  whatever the padding, the number of ranks and of micro-batches.

``dtype`` of the loader is the type of the tokens: int32 (default), int64 or uint16.
Padding is the ``pad`` id of the dataset's vocabulary, or 0.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Dict, Optional

__all__ = ["Fixed", "Grouped", "Packed", "Rebalanced", "Tokens", "Way"]


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to batch. Use the classes below."""

    way: ClassVar[str] = ""

    def spec(self) -> Dict[str, Any]:
        """Return what the engine is sent: the way's name and its settings."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"way": self.way, **{name: value for name, value in settings.items() if value is not None}}


@dataclasses.dataclass(frozen=True)
class Fixed(Way):
    """Equally many samples in a random order, each batch padded to its longest.

    Fields: ``tokens`` ``(rows, width)``, ``lengths`` int32 ``(rows,)``; on request ``mask`` bool
    ``(rows, width)``, true where a token stands.

    Args:
        multiple: pad to multiples of so many tokens.
        ladder: pad to powers of this ratio instead, such as 1.1: few static shapes for
            compilers at 4.6 % more padding.
        micro: micro-batches that a rank adds up before its parameters change. Each is one
            batch of the loader, of ``batch_size`` samples.
        max_tokens: what is taken of a sample at most; None takes all.
        too_long: what becomes of longer samples: ``"error"`` (the default), ``"cut"`` (the first
            tokens are kept) or ``"split"`` (several pieces with the same index).
    """

    way: ClassVar[str] = "fixed"
    multiple: Optional[int] = None
    ladder: Optional[float] = None
    micro: int = 1
    max_tokens: Optional[int] = None
    too_long: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Grouped(Way):
    """Batches of samples of like lengths, from a sort by log(length) plus fresh noise.

    Fields as of :class:`Fixed`. Companions are less random: on film reviews in batches of
    64, a noise of 0.1 leaves 8 % padding and a sample meets a twelfth of the others,
    0.2 leaves 15 % and a sixth; fully random batches are 74 % padding.

    Args:
        noise: half width, in natural logarithms of the length.
        multiple, ladder, micro, max_tokens, too_long: as for :class:`Fixed`.
    """

    way: ClassVar[str] = "grouped"
    noise: float = 0.1
    multiple: Optional[int] = None
    ladder: Optional[float] = None
    micro: int = 1
    max_tokens: Optional[int] = None
    too_long: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Tokens(Way):
    """A budget of padded tokens for each batch, and at most ``batch_size`` samples.

    Fields as of :class:`Fixed`. Long samples come in small batches, so memory is bounded.

    Args:
        budget: padded tokens of one batch on one rank, at most.
        pool: samples that are sorted at once; 4,096 where nothing is given.
        multiple, ladder, micro, max_tokens, too_long: as for :class:`Fixed`.
    """

    way: ClassVar[str] = "tokens"
    budget: int
    pool: Optional[int] = None
    multiple: Optional[int] = None
    ladder: Optional[float] = None
    micro: int = 1
    max_tokens: Optional[int] = None
    too_long: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Rebalanced(Way):
    """A uniformly random set of samples for each step, rearranged only inside the step.

    The default. The step's samples (``batch_size`` x ranks x ``micro``) are sorted by length,
    cut by tokens and dealt to the ranks, so that all compute about equally long; batches
    have different numbers of samples. It costs no randomness at all.

    Fields as of :class:`Fixed`; with ``varlen`` nothing is padded: ``tokens`` ``(total,)``,
    ``positions`` int32 ``(total,)``, ``cu_seqlens`` int32 ``(samples + 1,)``, ``lengths`` int32
    ``(samples,)``, and ``batch.max_seqlen``, as FlashAttention's varlen kernels take them.

    Args:
        varlen: no padding.
        multiple, ladder, micro, max_tokens, too_long: as for :class:`Fixed`. More micro-batches pad less.
    """

    way: ClassVar[str] = "rebalanced"
    varlen: bool = False
    multiple: Optional[int] = None
    ladder: Optional[float] = None
    micro: int = 1
    max_tokens: Optional[int] = None
    too_long: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Packed(Way):
    """Rows of ``tokens`` tokens filled with whole samples; ``batch_size`` counts rows.

    Each sample goes, in random order, to the open row that it fills best: 98 to 99.9 %
    of the places hold tokens, and the order stays random. All shapes are fixed:

    * ``tokens`` and ``positions`` int32 (place in the sample), ``segment_ids`` int32 (1, 2, ...
      within each row, 0 is padding): ``(rows, tokens)``;
    * ``cu_seqlens`` int32 ``(borders,)``: where sequences begin in ``tokens.reshape(-1)``; the gap
      at the end of a row is one of its own; padded with the total. ``batch.max_seqlen`` is
      the longest as a Python integer;
    * ``starts`` and ``lengths`` int32 ``(samples,)``: where each sample begins in
      ``tokens.reshape(-1)`` and its tokens, in the order of ``label`` and ``index``. The first
      ``batch.valid`` of these count; behind them label and index are -1.

    Args:
        tokens: of a row.
        open: rows filled at once; 16 where nothing is given.
        max_age: samples of the order for which one may wait in an open row; 512 where
            nothing is given.
        too_long: what becomes of samples longer than a row: ``"error"``, ``"cut"`` (the first
            tokens are kept) or ``"split"`` (several pieces with the same index).
        micro: as for :class:`Fixed`.
    """

    way: ClassVar[str] = "packed"
    tokens: int
    open: Optional[int] = None
    max_age: Optional[int] = None
    too_long: str = "error"
    micro: int = 1
