"""What a stack is busy with: its class, and what kind of data work.

By the module and the name of each function on it, from the innermost out. C
functions leave no frame; for those the source line that called them is read.
The tables are lists of parts of paths and of names: what is not in them is
"compute" where it runs in the script, and "python" inside a loader.
"""

import os

OURS = "/_stoker_probe/"

# Inside these, everything is done for the data.
LOADERS = (
    "/torch/utils/data/",
    "/torchdata/",
    "/keras/src/trainers/data_adapters/",
    "/keras/src/trainers/epoch_iterator.py",
    "/keras/src/utils/dataset_utils.py",
    "/keras/engine/data_adapter.py",
    "/keras/src/engine/data_adapter.py",
    "/keras/utils/data_utils.py",
    "/tensorflow/python/data/",
    "/tensorflow_datasets/",
    "-packages/datasets/",
    "-packages/grain/",
    "/webdataset/",
    "/litdata/",
    "/streaming/base/",
    "-packages/ffcv/",
    "/nvidia/dali/",
    "-packages/spdl/",
    "/torch_geometric/loader/",
    "/monai/data/",
    "/petastorm/",
    "/deeplake/",
    "/stoker/_epoch.py",
    "/stoker/_session.py",
    "/stoker/loader.py",
    "/fastai/data/",
    "/timm/data/loader.py",
)

# Inside these a thread waits for another, or for another process.
WAITS = (
    "/threading.py",
    "/queue.py",
    "/multiprocessing/connection.py",
    "/multiprocessing/queues.py",
    "/multiprocessing/synchronize.py",
    "/multiprocessing/pool.py",
    "/multiprocessing/popen_fork.py",
    "/selectors.py",
    "/concurrent/futures/",
    "/subprocess.py",
    "/asyncio/",
    "/stoker/_session.py",
    "/stoker/_wire.py",
    "/tensorflow/python/ops/gen_dataset_ops.py",
)

KINDS = (
    ("collate", ("/torch/utils/data/_utils/collate.py", "/data_collator.py", "/torch/utils/data/_utils/pin_memory.py")),
    (
        "augment",
        (
            "/albumentations/",
            "/albucore/",
            "/torchvision/transforms/",
            "/kornia/",
            "/imgaug/",
            "/monai/transforms/",
            "/torchio/",
            "/audiomentations/",
            "/timm/data/auto_augment",
            "/timm/data/random_erasing",
            "/timm/data/transforms",
            "/scipy/ndimage/",
            "/skimage/transform/",
            "/keras/src/layers/preprocessing/",
            "/PIL/ImageOps",
            "/PIL/ImageEnhance",
            "/PIL/ImageFilter",
        ),
    ),
    ("tokenize", ("/tokenizers/", "/transformers/tokenization", "/sentencepiece/", "/tiktoken/", "/nltk/")),
    (
        "ipc",
        ("/torch/multiprocessing/reductions.py", "/multiprocessing/reduction.py", "/multiprocessing/shared_memory.py"),
    ),
    (
        "decode",
        (
            "/PIL/",
            "/cv2/",
            "/torchvision/io/",
            "/imageio/",
            "/simplejpeg",
            "/turbojpeg",
            "/decord/",
            "-packages/av/",
            "/torchcodec/",
            "/soundfile",
            "/librosa/",
            "/torchaudio/",
            "/numpy/lib/npyio",
            "/numpy/lib/_npyio",
            "/numpy/lib/format",
            "/numpy/lib/_format",
            "/gzip.py",
            "/bz2.py",
            "/lzma.py",
            "/zstandard/",
            "/blosc",
            "/rasterio/",
            "/nibabel/",
            "/pydicom/",
            "/skimage/io/",
            "/json/decoder.py",
            "/csv.py",
        ),
    ),
    (
        "read",
        (
            "/fsspec/",
            "/s3fs/",
            "/gcsfs/",
            "/boto3/",
            "/botocore/",
            "/requests/",
            "/urllib/",
            "/urllib3/",
            "/http/client.py",
            "/ssl.py",
            "/socket.py",
            "/h5py/",
            "/lmdb/",
            "/pyarrow/",
            "/pathlib.py",
            "/pathlib/",
            "/tarfile.py",
            "/zipfile.py",
            "/zipfile/",
        ),
    ),
)

# What a line of source says about the C function that it calls. In this order.
LINES = (
    ("other", ("time.sleep(", " sleep(")),
    (
        "decode",
        (
            "imread(",
            "imdecode(",
            "decode_jpeg(",
            "decode_png(",
            "decode_image(",
            "read_image(",
            "Image.open(",
            ".convert(",
            "np.load(",
            "numpy.load(",
            "decompress(",
            "json.loads(",
            "pickle.loads(",
            "msgpack",
            "VideoReader(",
            "torchaudio.load(",
            ".decode(",
        ),
    ),
    (
        "read",
        (
            ".read(",
            "open(",
            "pread(",
            "read_bytes(",
            "read_text(",
            "readinto(",
            "readline",
            "recv",
            ".get_object(",
            "fromfile(",
        ),
    ),
    ("tokenize", ("tokenizer(", "tokenize(", ".encode_batch(", "tokenizer.encode(")),
    ("collate", ("np.stack(", "torch.stack(", "collate", "np.concatenate(", "torch.cat(", "from_numpy(")),
    (
        "augment",
        (
            "transform",
            "augment",
            "resize(",
            "crop(",
            "flip(",
            "rotate(",
            "normalize(",
            "cv2.",
            ".permute(",
            ".transpose(",
        ),
    ),
)
TRANSFERS = (".to(", ".cuda(", "device_put(", ".pin_memory(", ".cpu(", ".numpy(")
PRINTS = ("print(", ".write(", "logger.", "logging.", ".log(")

LOGGING = (
    "/tensorboard",
    "/wandb/",
    "/mlflow/",
    "/logging/__init__.py",
    "/tqdm/",
    "/rich/",
    "/progbar.py",
    "/loguru/",
    "/neptune/",
    "/comet_ml/",
    "/clearml/",
)
SAVE_NAMES = ("save", "_save", "write_checkpoint", "async_save")
VALIDATE_NAMES = (
    "validat",
    "_validat",
    "run_validat",
    "evaluat",
    "eval_",
    "val_",
    "test_step",
    "test_epoch",
    "test_loop",
    "test_model",
)
VALIDATIONS = ("test", "evaluate", "validate", "_run_validation", "_run_evaluation", "test_one_epoch")
PIL_AUGMENTS = ("resize", "crop", "rotate", "transpose", "transform", "resized_crop", "thumbnail", "filter", "point")
WORKER_LOOPS = (("/torch/utils/data/_utils/worker.py", "_worker_loop"), ("/multiprocessing/pool.py", "worker"))

DEPTH = 200  # frames looked at
MAX_CODES = 20000
MAX_SOURCES = 64
MAX_SOURCE = 1 << 20


# What a function says of the stack that it is on.
LOADER, WORKER, SAVES, VALIDATES, IMPORTS, OUR_OWN = 1, 2, 4, 8, 16, 32


class Function:
    """What a function's module and name say. One per code object."""

    __slots__ = ("bits", "kind", "logging", "waits")

    def __init__(self, code):
        path, name = code.co_filename.replace("\\", "/"), code.co_name
        library = "-packages/" in path or "/lib/python" in path or path.startswith("<frozen")
        loader = _any(path, LOADERS)
        self.waits = _any(path, WAITS)
        self.logging = _any(path, LOGGING)
        self.kind = self._kind(path, name)
        self.bits = (
            LOADER * loader
            | WORKER * any(part in path and name == loop for part, loop in WORKER_LOOPS)
            | SAVES * (name.startswith(SAVE_NAMES) and not loader)
            # "test" is the validation of many small scripts, but no function of a library.
            | VALIDATES * (name.startswith(VALIDATE_NAMES) or (name in VALIDATIONS and not library))
            | IMPORTS * path.startswith("<frozen importlib")
            | OUR_OWN * (OURS in path)
        )

    @staticmethod
    def _kind(path, name):
        if "/PIL/Image.py" in path and name in PIL_AUGMENTS:
            return "augment"
        for kind, parts in KINDS:
            if _any(path, parts):
                return kind
        return "collate" if "collate" in name else ""


class Classifier:
    """Sorts stacks. Keeps what it learnt of functions and source files."""

    def __init__(self):
        self.functions = {}
        self.sources = {}
        self.lines = {}
        self.worker = False  # a worker's loop was seen on the stack

    def see(self, frame):
        """Return class, kind of data work or "", code and line of the innermost function; or None."""
        leaf = kind = None
        bits = 0
        functions = self.functions
        for _ in range(DEPTH):
            if frame is None:
                break
            code = frame.f_code
            f = functions.get(code) or self._learn(code)
            if not f.bits & OUR_OWN:
                if leaf is None:
                    leaf, first, line = f, code, frame.f_lineno or 0
                if not bits & LOADER:
                    if kind is None and f.kind:
                        kind = f.kind
                    bits |= f.bits
                else:
                    bits |= f.bits & ~IMPORTS  # what was imported reads data now
            frame = frame.f_back
        if leaf is None:
            return None
        said = self._said(first, line) if kind is None or (kind == "decode" and first.co_name == "load") else ""
        if kind == "decode" and said == "read":
            kind = said  # Pillow reads the file while it decodes
        return (*self._judge(bits, leaf, kind, said), first, line)

    def _judge(self, bits, leaf, kind, said):
        if bits & WORKER:
            self.worker = True
            return self._of_worker(leaf, bits & LOADER, kind, said)
        if bits & VALIDATES:
            return "validation", ""
        if bits & LOADER:
            return self._of_loader(leaf, kind, said)
        if bits & IMPORTS:
            return "import", ""
        if bits & SAVES:
            return "saving", ""
        return self._of_script(leaf, kind, said)

    @staticmethod
    def _of_worker(leaf, loader, kind, said):
        if leaf.waits and kind is None:
            return "idle", ""
        if said == "other" and kind is None:
            kind = "read" if loader else None  # it sleeps on purpose: a producer that is slow to get its data
        return "data_work", kind or (said if said != "other" else "") or "python"

    @staticmethod
    def _of_loader(leaf, kind, said):
        if leaf.waits:
            return "data_wait", ""
        if kind == "ipc":
            return "data_wait", kind
        return "data_work", kind or (said if said != "other" else "read") or "python"

    @staticmethod
    def _of_script(leaf, kind, said):
        if leaf.logging or said == "print":
            return "logging", ""
        if kind in ("decode", "read", "tokenize", "augment", "collate"):
            return "data_work", kind
        if said == "transfer":
            return "transfer", ""
        if said in ("decode", "read", "tokenize"):
            return "data_work", said
        if leaf.waits or said == "other":
            return "other", ""
        return "compute", ""

    def _learn(self, code):
        if len(self.functions) >= MAX_CODES:  # a script that makes code at run time
            self.functions.clear()
        f = self.functions[code] = Function(code)
        return f

    def _said(self, code, line):
        """Say what the innermost line calls, where no module on the stack does."""
        key = (code, line)
        said = self.lines.get(key)
        if said is None:
            if len(self.lines) >= MAX_CODES:
                self.lines.clear()
            said = self.lines[key] = _say(self._source(code.co_filename, line))
        return said

    def _source(self, path, line):
        lines = self.sources.get(path)
        if lines is None:
            if len(self.sources) >= MAX_SOURCES:
                self.sources.clear()
            lines = self.sources[path] = _read_source(path)
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _say(text):
    if text.startswith(PRINTS):
        return "print"
    for what, parts in LINES:
        if _any(text, parts):
            return what
    return "transfer" if _any(text, TRANSFERS) else ""


def _any(text, parts):
    for part in parts:
        if part in text:
            return True
    return False


def _read_source(path):
    if not path.endswith(".py") or not os.path.isfile(path):
        return []  # a notebook's cell, a string, a pipe that somebody else reads
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read(MAX_SOURCE).splitlines()
    except (OSError, ValueError):
        return []
