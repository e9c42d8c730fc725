"""Stoker keeps a training loop fed with batches.

>>> import stoker
>>> loader = stoker.Loader("photos.stk", batch_size=256)
>>> for batch in loader:
...     train(batch["image"], batch["label"])
>>> print(loader.report())

``stoker.torch.Loader`` and ``stoker.jax.Loader`` hand out the frameworks' own arrays;
they are imported on demand. This package needs numpy alone.
"""

from ._batch import Batch
from ._version import __version__
from .batching import Fixed, Grouped, Packed, Rebalanced, Tokens
from .dataset import Dataset
from .errors import (
    CanceledError,
    CorruptError,
    EngineError,
    ExhaustedError,
    InternalError,
    InvalidError,
    MismatchError,
    NotFoundError,
    PermissionDeniedError,
    StokerError,
    TransientError,
    UnsupportedError,
)
from .loader import Loader
from .transforms import (
    CenterCrop,
    ColorJitter,
    Grayscale,
    HorizontalFlip,
    Normalize,
    Pad,
    RandomCrop,
    RandomErasing,
    RandomResizedCrop,
    Resize,
    Transform,
    VerticalFlip,
)

__all__ = [
    "Batch",
    "CanceledError",
    "CenterCrop",
    "ColorJitter",
    "CorruptError",
    "Dataset",
    "EngineError",
    "ExhaustedError",
    "Fixed",
    "Grayscale",
    "Grouped",
    "HorizontalFlip",
    "InternalError",
    "InvalidError",
    "Loader",
    "MismatchError",
    "Normalize",
    "NotFoundError",
    "Packed",
    "Pad",
    "PermissionDeniedError",
    "RandomCrop",
    "RandomErasing",
    "RandomResizedCrop",
    "Rebalanced",
    "Resize",
    "StokerError",
    "Tokens",
    "Transform",
    "TransientError",
    "UnsupportedError",
    "VerticalFlip",
    "__version__",
]
