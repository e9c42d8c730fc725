"""Stoker's sampler: where a Python process that nobody changed spends its time.

A thread looks at the main thread's stack at random moments (``looks``), sorts
what it sees (``classify``), puts clocks around the iterators of the loaders that
it knows, once their modules are there (``frameworks``, ``clock``), and writes a
report now and then (``report``). Standard library only, and of that what the
interpreter has loaded anyway: an import of ours could take a module of the
user's with the same name.

Rules. The script comes first: any exception of ours switches the sampler off and
is written to the report. Nothing of ours shows in the script: no module of its
sys.path, no ``threading.Thread``, no frame in a traceback (from Python 3.11 on),
no import hook, no draw from a global random generator.
"""

import atexit
import os

from . import probe as _probe


def start(directory):
    """Start the sampler; its reports go to directory."""
    p = _probe.Probe(directory)
    # Registered first, so run last at the exit, when the script's own are done;
    # before a fork last, and after it first.
    atexit.register(p.finish)
    os.register_at_fork(before=p.before_fork, after_in_parent=p.after_fork, after_in_child=p.after_fork_in_child)
    p.begin()
