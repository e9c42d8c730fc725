"""Find out which of how many training processes this is."""

from __future__ import annotations

import os
import sys
from typing import Optional, Tuple

from .errors import InvalidError

_LAUNCHERS = (
    ("RANK", "WORLD_SIZE"),  # torchrun, and most launchers that imitate it
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
)


def find(rank: Optional[int], world_size: Optional[int]) -> Tuple[int, int]:
    """Return rank and world size.

    In this order: the arguments; ``torch.distributed`` where it is initialised;
    the environment of torchrun, Slurm and Open MPI; else one process alone.
    """
    if (rank is None) != (world_size is None):
        raise InvalidError("give rank and world_size together, or neither")
    if rank is not None and world_size is not None:
        return rank, world_size
    # Only where the program has imported it: importing torch takes seconds.
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank()), int(distributed.get_world_size())
    for rank_name, world_name in _LAUNCHERS:
        if rank_name in os.environ and world_name in os.environ:
            try:
                return int(os.environ[rank_name]), int(os.environ[world_name])
            except ValueError:
                raise InvalidError(
                    f"{rank_name}={os.environ[rank_name]!r} and {world_name}={os.environ[world_name]!r} "
                    "are not numbers",
                    hint="correct them, or give rank= and world_size=",
                ) from None
    return 0, 1
