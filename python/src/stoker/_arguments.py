"""What to say of an argument that no loader has: users come with those of other loaders."""

from __future__ import annotations

import difflib
import inspect
from typing import List

# By what other loaders, or one's own guess, call it.
_KNOWN_ELSEWHERE = {
    "batch_sampler": "batching= says how sequences are batched, batch_size= how many pictures",
    "collate_fn": "here it is collate=",
    "generator": "the order follows from seed=",
    "mean": "give stoker.Normalize(mean, std) in transforms=[...]",
    "multiprocessing_context": "there are no worker processes: leave it out",
    "normalize": "give stoker.Normalize(mean, std) in transforms=[...]",
    "num_replicas": "here it is world_size=, found by itself under torchrun, Slurm and Open MPI",
    "num_workers": "the engine decodes in threads of its own, as many as pay: leave it out, or set workers=",
    "device": "stoker.torch.Loader has it",
    "pin_memory": "stoker.torch.Loader has it",
    "persistent_workers": "the engine stays from epoch to epoch: leave it out",
    "pipeline": "here it is transforms=[...]",
    "prefetch_factor": "here it is prefetch_batches=",
    "sampler": "the order is that of shuffle= and seed=, each rank's part that of rank= and world_size=",
    "std": "give stoker.Normalize(mean, std) in transforms=[...]",
    "timeout": "an engine that fails says so by itself: leave it out",
    "transform": "here it is transforms=[...], or image= with a single one",
    "worker_init_fn": "there are no worker processes: leave it out",
}


def unknown(loader: type, name: str) -> TypeError:
    """Return the error about an argument that this class of loaders does not have."""
    hint = _KNOWN_ELSEWHERE.get(name)
    if hint is None:
        close = difflib.get_close_matches(name, _names(loader), n=1)
        hint = f"did you mean {close[0]}=?" if close else "see help(stoker.Loader)"
    return TypeError(f"{loader.__name__} has no argument {name!r}; {hint}")


def _names(loader: type) -> List[str]:
    """Return the names of all arguments that may be given by name."""
    makers = (vars(c)["__init__"] for c in loader.__mro__ if c is not object and "__init__" in vars(c))
    return [
        p.name for maker in makers for p in inspect.signature(maker).parameters.values() if p.kind is p.KEYWORD_ONLY
    ]
