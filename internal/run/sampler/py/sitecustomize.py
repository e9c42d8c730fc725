"""Starts Stoker's sampler in this Python process; see docs/runner.md.

`stoker run` puts this directory first on PYTHONPATH. This file also runs under
Pythons that the sampler does not support, so it is written for all of them. It
then gives way to the sitecustomize that it hides, if there is one.
"""

import os
import sys


def _start():
    probe = os.environ.get("STOKER_PROBE")
    if not probe or sys.version_info < (3, 8) or "_stoker_probe" in sys.modules:
        return
    try:
        import _stoker_probe

        _stoker_probe.start(probe)
    except Exception:  # whatever it is: the script comes first
        pass


def _give_way():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if not isinstance(p, str) or os.path.abspath(p or ".") != here]
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as err:
        if getattr(err, "name", "sitecustomize") != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = own


_start()
_give_way()
