"""What a loader is set to, read from its attributes.

Attributes are read from the instance's own dictionary where the object is the
user's: a property may do anything. All of it runs once for each iteration.
"""

import os
import sys

MAX_TEXT = 160
UNWRAP = 6  # wrappers around the dataset that reads files
PRINTABLE = ("torchvision.", "albumentations.", "kornia.", "torch.")  # whose repr is short and harmless
ROOTS = (
    "root",
    "data_dir",
    "dataset_dir",
    "data_path",
    "path",
    "dir",
    "folder",
    "img_dir",
    "image_dir",
    "images_dir",
    "directory",
    "filename",
    "file",
    "h5_path",
    "lmdb_path",
)
LISTS = (
    "samples",
    "imgs",
    "paths",
    "files",
    "filenames",
    "image_paths",
    "img_paths",
    "image_files",
    "file_list",
    "urls",
    "data_files",
)


def torch(it):
    """Describe a torch DataLoader by one of its iterators."""
    dataset, batches = it._dataset, it._index_sampler
    workers = it._num_workers
    return {
        "kind": "torch",
        "batch_size": _number(getattr(batches, "batch_size", 0)),
        "workers": workers,
        "prefetch": _number(getattr(it, "_prefetch_factor", None) or 0) if workers else 0,
        "threads": 0,
        "pinned": bool(getattr(it, "_pin_memory", False)),
        "persistent": bool(getattr(it, "_persistent_workers", False)),
        "order": _name(getattr(batches, "sampler", batches)),
        "length": _length(dataset) if it._dataset_kind == 0 else -1,
        **_dataset(dataset),
    }


def stoker(it):
    """Describe Stoker's own loader."""
    loader = it._loader
    request = vars(loader).get("_request") or {}
    plan = request.get("plan") or {}
    return {
        "kind": "stoker",
        "batch_size": _number(plan.get("batch_size", 0)),
        "workers": 0,
        "dataset": _name(loader),
        "root": _text(request.get("dataset") or request.get("path") or ""),
    }


def grain(it):
    """Describe a Grain DataLoader."""
    loader = getattr(it, "_data_loader", None)
    options = getattr(loader, "_multiprocessing_options", None)
    threads = getattr(loader, "_read_options", None)
    return {
        "kind": "grain",
        "workers": _number(getattr(options, "num_workers", 0)),
        "prefetch": _number(getattr(options, "per_worker_buffer_size", -1), -1),
        "threads": _number(getattr(threads, "num_threads", -1), -1),
        **_dataset(getattr(loader, "_data_source", None)),
    }


def tf_data(it):
    """Describe a tf.data pipeline; its stages lie in its inputs."""
    dataset = getattr(it, "_dataset", None)
    facts = {"kind": "tf.data", "workers": 0, "dataset": _name(dataset)}
    stage = dataset
    for _ in range(32):
        if stage is None:
            break
        if not facts.get("batch_size") and hasattr(stage, "_batch_size"):
            facts["batch_size"] = _constant(stage._batch_size)
        if "Prefetch" in type(stage).__name__:
            facts["prefetch"] = 1
        stage = getattr(stage, "_input_dataset", None)
    return facts


def keras(iterator):
    """Describe what Keras iterates over in fit or evaluate."""
    adapter = iterator.data_adapter
    source = vars(adapter).get("py_dataset") or vars(adapter).get("_dataset") or vars(adapter).get("generator")
    return {
        "kind": "keras",
        "batch_size": _number(getattr(adapter, "batch_size", 0) or 0),
        "workers": _number(getattr(source, "workers", 0) or 0) if hasattr(source, "workers") else 0,
        "prefetch": _number(getattr(source, "max_queue_size", 0) or 0),
        "order": "shuffle" if vars(adapter).get("_shuffle") else "",
        "length": -1,
        # In no report: it tells the pipe of the training from that of the validation.
        "batches_per_epoch": _number(iterator.num_batches or 0),
        **(_dataset(source) if source is not None else {"dataset": _name(adapter)}),
    }


def keras_callbacks(callbacks):
    """Describe steps that are known from Keras's callbacks alone."""
    del callbacks
    return {"kind": "keras on tf.data", "workers": 0, "knows_wait": False}


def datasets(dataset, batch_size=0, *args, **kwargs):
    """Describe Hugging Face's Dataset.iter(batch_size)."""
    del args, kwargs
    return {"kind": "datasets", "batch_size": _number(batch_size), "workers": 0, **_dataset(dataset)}


def webdataset(pipeline):
    """Describe a WebDataset that is iterated without a DataLoader; None where that is inside it."""
    stages = vars(pipeline).get("pipeline") or []
    if any("DataLoader" in type(stage).__name__ for stage in stages):
        return None
    roots = (_root(getattr(stage, "__dict__", {})) for stage in stages)
    return {"kind": "webdataset", "workers": 0, "dataset": _name(pipeline), "root": next(filter(None, roots), "")}


def _dataset(dataset):
    """Say which class reads the data, from where, and how it changes them."""
    root, transforms, inner = "", [], dataset
    for _ in range(UNWRAP):
        own = getattr(inner, "__dict__", None)
        if own is None:
            break
        transforms = transforms or _transforms(own)
        root = root or _root(own)
        wrapped = own.get("dataset") or own.get("datasets")
        if isinstance(wrapped, (list, tuple)) and wrapped:
            wrapped = wrapped[0]
        if wrapped is None or not hasattr(wrapped, "__dict__"):
            break
        inner = wrapped
    return {"dataset": _name(inner), "root": root, "transforms": transforms}


def _root(own):
    for name in ROOTS:
        place = _place(own.get(name))
        if place:
            return place
    for name in LISTS:
        value = own.get(name)
        if isinstance(value, (list, tuple)) and value:
            first = value[0][0] if isinstance(value[0], (list, tuple)) and value[0] else value[0]
            place = _place(first)
            if place:
                return os.path.dirname(place) or place
    table = own.get("_data")  # datasets.Dataset
    blocks = getattr(table, "path", None) or next(
        (b.path for row in getattr(table, "blocks", []) for b in row if hasattr(b, "path")), None
    )
    return _place(blocks)


def _place(value):
    """Return value as a path if it is one that exists, or an address."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str) or not value or len(value) > 4096:
        return ""
    if "://" in value:
        return _text(value.split("?")[0].split("@")[-1])
    path = os.path.abspath(value)
    return path if os.path.exists(path) else ""


def _transforms(own):
    found = own.get("transform") or own.get("transforms")
    steps = getattr(found, "__dict__", {}).get("transforms")
    if found is None:
        return []
    if not isinstance(steps, (list, tuple)):
        steps = [getattr(found, "transform", found)] if type(found).__name__ == "StandardTransform" else [found]
        inner = getattr(steps[0], "__dict__", {}).get("transforms")
        steps = inner if isinstance(inner, (list, tuple)) else steps
    return [_transform(step) for step in steps[:32]]


def _transform(step):
    cls = type(step)
    if cls.__module__.startswith(PRINTABLE):
        return _text(" ".join(repr(step).split()))
    return _text(getattr(step, "__qualname__", cls.__module__ + "." + cls.__qualname__))


def _name(obj):
    cls = type(obj)
    return _text(cls.__module__ + "." + cls.__qualname__)


def _text(value):
    return str(value)[:MAX_TEXT]


def _number(value, unknown=0):
    return value if isinstance(value, int) and not isinstance(value, bool) else unknown


def _constant(tensor):
    tensors = sys.modules.get("tensorflow.python.framework.tensor_util")
    value = tensors.constant_value(tensor) if tensors is not None else None
    return int(value) if value is not None else 0


def _length(dataset):
    try:
        return len(dataset)
    except Exception:
        return -1
