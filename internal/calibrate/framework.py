"""Measures the framework that is installed: matrix products by type, copies, calls.

Run by `stoker calibrate` as python -c. Writes one JSON object a line to standard
output: first the facts, then {"id", "unit", "values"} for each figure, so that what
was measured is there even if time runs out.
"""

import importlib.util
import json
import sys
import time

REPEATS = 5
BLOCK = 0.12  # seconds of one repeat
GPU_SIZE, CPU_SIZE = 8192, 1024  # sides of the matrices
GPU_COPY, CPU_COPY = 512 << 20, 64 << 20  # bytes


def tell(**facts):
    print(json.dumps(facts), flush=True)


def figure(name, unit, amount, work, wait):
    """Time amounts of work: as many calls as fill a block, REPEATS times."""
    try:
        work()
        wait()
        start = time.perf_counter()
        work()
        wait()
        once = max(time.perf_counter() - start, 1e-7)
        calls = max(1, min(100000, int(BLOCK / once)))
        values = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            for _ in range(calls):
                work()
            wait()
            values.append(amount * calls / (time.perf_counter() - start))
        tell(id=name, unit=unit, values=values)
    except Exception as error:  # a type that this device or version lacks
        tell(id=name, unit=unit, values=[], error=f"{type(error).__name__}: {error}"[:200])


def with_torch():
    import torch

    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    wait = torch.cuda.synchronize if gpu else lambda: None
    tell(framework="torch", version=torch.__version__, gpu=gpu, device=torch.cuda.get_device_name() if gpu else "CPU")
    size = GPU_SIZE if gpu else CPU_SIZE
    types = [("float32", torch.float32, False), ("bfloat16", torch.bfloat16, False)]
    if gpu:
        types += [("tf32", torch.float32, True), ("float16", torch.float16, False)]
    with torch.no_grad():
        for name, dtype, tf32 in types:
            torch.backends.cuda.matmul.allow_tf32 = tf32
            a = torch.randn(size, size, device=device).to(dtype)
            b = torch.randn(size, size, device=device).to(dtype)
            c = torch.empty(size, size, device=device, dtype=dtype)
            figure("compute.matmul." + name, "FLOP/s", 2 * size**3, lambda: torch.mm(a, b, out=c), wait)
        n = GPU_COPY if gpu else CPU_COPY
        x = torch.zeros(n, dtype=torch.uint8, device=device)
        y = torch.empty_like(x)
        figure("compute.copy", "B/s", 2 * n, lambda: y.copy_(x), wait)
        small = torch.zeros(16, device=device)
        figure("compute.launches", "calls/s", 1, lambda: small.add_(1), wait)
        if gpu:
            n = GPU_COPY // 4
            for kind, host in (("pageable", torch.zeros(n, dtype=torch.uint8)), ("pinned", torch.zeros(n, dtype=torch.uint8).pin_memory())):
                to = torch.empty(n, dtype=torch.uint8, device=device)
                figure("compute.h2d." + kind, "B/s", n, lambda: to.copy_(host, non_blocking=True), wait)
                figure("compute.d2h." + kind, "B/s", n, lambda: host.copy_(to, non_blocking=True), wait)


def with_jax():
    import jax
    import jax.numpy as jnp
    import numpy

    device = jax.devices()[0]
    gpu = device.platform != "cpu"
    tell(framework="jax", version=jax.__version__, gpu=gpu, device=device.device_kind if gpu else "CPU")
    size = GPU_SIZE if gpu else CPU_SIZE
    last = []  # what the device works on

    def wait():
        jax.block_until_ready(last)

    def keep(value):
        last[:] = [value]

    product = jax.jit(lambda a, b: a @ b)
    for name, precision in (("float32", "highest"), ("bfloat16", "default")) + ((("tf32", "tensorfloat32"), ("float16", "default")) if gpu else ()):
        a = jnp.ones((size, size), "float32" if name == "tf32" else name)
        with jax.default_matmul_precision(precision):
            figure("compute.matmul." + name, "FLOP/s", 2 * size**3, lambda: keep(product(a, a)), wait)
    n = GPU_COPY if gpu else CPU_COPY
    x = jnp.zeros(n, "uint8")
    other = jax.jit(lambda v: v ^ 1)  # an identity would be taken away
    figure("compute.copy", "B/s", 2 * n, lambda: keep(other(x)), wait)
    small, add = jnp.zeros(16), jax.jit(lambda v: v + 1)
    figure("compute.launches", "calls/s", 1, lambda: keep(add(small)), wait)
    if gpu:
        host = numpy.zeros(GPU_COPY // 4, "uint8")
        figure("compute.h2d.pageable", "B/s", host.nbytes, lambda: keep(jax.device_put(host, device)), wait)


def with_tensorflow():
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    gpu = bool(gpus)
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpu else "CPU"
    tell(framework="tensorflow", version=tf.__version__, gpu=gpu, device=name)
    size = GPU_SIZE if gpu else CPU_SIZE
    last = []

    def wait():
        if last:
            tf.reshape(last[0], [-1])[0].numpy()  # one element has to come from the device

    def keep(value):
        last[:] = [value]

    with tf.device("/GPU:0" if gpu else "/CPU:0"):
        for name, tf32 in (("float32", False), ("bfloat16", False)) + ((("tf32", True), ("float16", False)) if gpu else ()):
            tf.config.experimental.enable_tensor_float_32_execution(tf32)
            a = tf.cast(tf.random.normal((size, size)), "float32" if name == "tf32" else name)
            figure("compute.matmul." + name, "FLOP/s", 2 * size**3, lambda: keep(tf.matmul(a, a)), wait)
        n = GPU_COPY if gpu else CPU_COPY
        x = tf.zeros(n, tf.uint8)
        figure("compute.copy", "B/s", 2 * n, lambda: keep(tf.bitwise.invert(x)), wait)
        small = tf.zeros(16)
        figure("compute.launches", "calls/s", 1, lambda: keep(small + 1), wait)


WAYS = {"torch": with_torch, "jax": with_jax, "tensorflow": with_tensorflow}
errors = []
for framework, way in WAYS.items():
    if importlib.util.find_spec(framework) is None:
        continue
    try:
        way()
        sys.exit(0)
    except Exception as error:  # installed, and broken: the next one may do
        errors.append(f"{framework}: {type(error).__name__}: {error}"[:300])
tell(none=True, errors=errors)
