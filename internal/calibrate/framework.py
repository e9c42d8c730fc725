"""Measures the framework that is installed: matrix products by type, copies, calls.

Run by `stoker calibrate` as python -c, with the name of a framework or none for the first that is there. Writes one JSON object a line to standard
output: first the facts, then {"id", "unit", "values"} for each figure, so that what
was measured is there even if time runs out.
"""

import functools
import importlib.util
import json
import os
import sys
import time

BLOCK = 0.04  # seconds of one repeat
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
ENOUGH, MOST = 5, 30  # undisturbed repeats wanted; repeats in all
GPU_SIZE, CPU_SIZE = 8192, 1024  # sides of the matrices
GPU_COPY, CPU_COPY = 512 << 20, 64 << 20  # bytes


def tell(**facts):
    print(json.dumps(facts), flush=True)


class Meter:
    """Times work on a device; wait() returns when the device has done all of it."""

    def __init__(self, gpu, wait):
        self.gpu, self.wait = gpu, wait

    def figure(self, name, unit, amount, work, cores=CORES):
        """Measure amounts a second of work(), in blocks of many calls.

        On the CPU work() keeps so many cores busy: blocks that got less processor time were disturbed by others and
        are left out. Where too few remain, the fastest ones are taken, which were disturbed least.
        """
        try:
            calls = self.calls(work)
            blocks = []  # amount a second, cores that were got
            while len(blocks) < MOST:
                cpu, start = time.process_time(), time.perf_counter()
                for _ in range(calls):
                    work()
                self.wait()
                wall = time.perf_counter() - start
                blocks.append((amount * calls / wall, (time.process_time() - cpu) / wall))
                kept = [rate for rate, got in blocks if self.gpu or got >= 0.95 * cores]
                if len(kept) >= ENOUGH:
                    break
            disturbed = len(kept) < ENOUGH
            if disturbed:
                kept = sorted(rate for rate, _ in blocks)[-ENOUGH:]
            tell(id=name, unit=unit, values=kept, dropped=len(blocks) - len(kept), disturbed=disturbed)
        except Exception as error:  # noqa: BLE001 - a type that this device or version lacks
            tell(id=name, unit=unit, values=[], error=f"{type(error).__name__}: {error}"[:200])

    def calls(self, work):
        """Return how many calls fill a block. The first call may compile, the second one is timed."""
        for _ in range(2):
            start = time.perf_counter()
            work()
            self.wait()
            once = max(time.perf_counter() - start, 1e-7)
        if once * 20 < BLOCK:  # short ones are timed together
            start = time.perf_counter()
            for _ in range(20):
                work()
            self.wait()
            once = max((time.perf_counter() - start) / 20, 1e-8)
        return max(1, min(100000, int(BLOCK / once)))


def with_torch():
    import torch

    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    meter = Meter(gpu, torch.cuda.synchronize if gpu else lambda: None)
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
            meter.figure("compute.matmul." + name, "FLOP/s", 2 * size**3, functools.partial(torch.mm, a, b, out=c))
        n = GPU_COPY if gpu else CPU_COPY
        x = torch.zeros(n, dtype=torch.uint8, device=device)
        y = torch.empty_like(x)
        meter.figure("compute.copy", "B/s", 2 * n, lambda: y.copy_(x))
        small = torch.zeros(16, device=device)
        meter.figure("compute.launches", "calls/s", 1, lambda: small.add_(1), cores=1)
        if gpu:
            n = GPU_COPY // 4
            for kind, host in (("pageable", torch.zeros(n, dtype=torch.uint8)), ("pinned", torch.zeros(n, dtype=torch.uint8).pin_memory())):
                to = torch.empty(n, dtype=torch.uint8, device=device)
                meter.figure("compute.h2d." + kind, "B/s", n, functools.partial(to.copy_, host, non_blocking=True))
                meter.figure("compute.d2h." + kind, "B/s", n, functools.partial(host.copy_, to, non_blocking=True))


def with_jax():
    import jax
    import jax.numpy as jnp
    import numpy

    device = jax.devices()[0]
    gpu = device.platform != "cpu"
    tell(framework="jax", version=jax.__version__, gpu=gpu, device=device.device_kind if gpu else "CPU")
    size = GPU_SIZE if gpu else CPU_SIZE
    last = []  # what the device works on

    def keep(work, *args):
        last[:] = [work(*args)]

    meter = Meter(gpu, lambda: jax.block_until_ready(last))
    product = jax.jit(lambda a, b: a @ b)
    for name, precision in (("float32", "highest"), ("bfloat16", "default")) + ((("tf32", "tensorfloat32"), ("float16", "default")) if gpu else ()):
        a = jnp.ones((size, size), "float32" if name == "tf32" else name)
        with jax.default_matmul_precision(precision):
            meter.figure("compute.matmul." + name, "FLOP/s", 2 * size**3, functools.partial(keep, product, a, a))
    n = GPU_COPY if gpu else CPU_COPY
    x = jnp.zeros(n, "uint8")
    other = jax.jit(lambda v: v ^ 1)  # an identity would be taken away
    meter.figure("compute.copy", "B/s", 2 * n, lambda: keep(other, x))
    small, add = jnp.zeros(16), jax.jit(lambda v: v + 1)
    meter.figure("compute.launches", "calls/s", 1, lambda: keep(add, small), cores=1)
    if gpu:
        host = numpy.zeros(GPU_COPY // 4, "uint8")
        meter.figure("compute.h2d.pageable", "B/s", host.nbytes, lambda: keep(jax.device_put, host, device))


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

    def keep(work, *args):
        last[:] = [work(*args)]

    meter = Meter(gpu, wait)
    with tf.device("/GPU:0" if gpu else "/CPU:0"):
        for name, tf32 in (("float32", False), ("bfloat16", False)) + ((("tf32", True), ("float16", False)) if gpu else ()):
            tf.config.experimental.enable_tensor_float_32_execution(tf32)
            a = tf.cast(tf.random.normal((size, size)), "float32" if name == "tf32" else name)
            meter.figure("compute.matmul." + name, "FLOP/s", 2 * size**3, functools.partial(keep, tf.matmul, a, a))
        n = GPU_COPY if gpu else CPU_COPY
        x = tf.zeros(n, tf.uint8)
        meter.figure("compute.copy", "B/s", 2 * n, lambda: keep(tf.bitwise.invert, x))
        small = tf.zeros(16)
        meter.figure("compute.launches", "calls/s", 1, lambda: keep(tf.add, small, 1.0), cores=1)


WAYS = {"torch": with_torch, "jax": with_jax, "tensorflow": with_tensorflow}
errors = []
wanted = sys.argv[1:] or list(WAYS)
for framework, way in WAYS.items():
    if framework not in wanted or importlib.util.find_spec(framework) is None:
        continue
    try:
        way()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - installed, and broken: the next one may do
        errors.append(f"{framework}: {type(error).__name__}: {error}"[:300])
tell(none=True, errors=errors)
