"""Says whether the device still has work queued when the script asks for data.

Devices work asynchronously: the script hands them the next step and goes on. A
wait for data is then only lost time while the device has nothing to do. Neither
question waits for the device.
"""

import sys

CO_OPTIMIZED = 1
VALUES = 256  # looked at, of the caller's variables
DEPTH = 4  # of lists and dictionaries in them


def find():
    """Return the question for the device that is in use, or None while there is none.

    It takes the frame that asks for a batch, and returns a function that says
    whether what was queued then still is; or None if nothing was, or nobody knows.
    """
    cuda = sys.modules.get("torch.cuda")
    if cuda is not None and not loading(cuda) and cuda.is_initialized():
        return _cuda(cuda)
    jax = sys.modules.get("jax")
    if jax is not None and not loading(jax) and hasattr(jax, "Array"):
        return _jax
    return None


def loading(module):
    """Say whether the module, or the package that it belongs to, is still being imported."""
    package = sys.modules.get(module.__name__.partition(".")[0])
    return any(getattr(getattr(m, "__spec__", None), "_initializing", False) for m in (module, package))


def _cuda(cuda):
    stream, capturing = cuda.current_stream, cuda.is_current_stream_capturing

    def queued(_=None):
        # Not while a graph is captured: the question would spoil it.
        return not capturing() and not stream().query()

    return lambda _: queued if queued() else None


def _jax(frame):
    """Find a result of the step before among the caller's variables.

    JAX has no question for the whole device, but for each array.
    """
    if frame is None:
        return None
    own = frame.f_locals
    found = _find_array(own, DEPTH)
    if type(own) is dict and frame.f_code.co_flags & CO_OPTIMIZED:
        own.clear()  # a copy that the frame would keep, and with it the arrays
    if found is None or found.is_ready():
        return None
    return lambda: not found.is_ready()


def _find_array(value, depth):
    """Return an array in value that is not ready; else any array, or None."""
    if type(value).__name__ == "ArrayImpl":  # of jaxlib; other objects are not asked for attributes
        return None if value.is_deleted() else value
    found = None
    if depth and isinstance(value, (dict, list, tuple)):
        items = list(value.values()) if isinstance(value, dict) else value
        for item in items[:VALUES]:
            array = _find_array(item, depth - 1)
            if array is not None:
                found = array
                if not array.is_ready():
                    break
    return found
