"""Notebook cells that survive the browser and the kernel.

>>> %load_ext stoker.jupyter
>>> %%stoker --name resnet
... import torch
... train()

``%%stoker [options] [-- arguments]`` runs the cell as a script under ``stoker run``, in
a process of its own: it does not see the notebook's variables, nor does the notebook
see its. Closing the browser, losing the connection, restarting or killing the kernel
leave it running. While the cell is attached it shows the run's output and its bar;
interrupting the cell detaches. ``%stoker attach RUN`` attaches again, ``%stoker stop
RUN`` stops the run; other words go to the program (``%stoker ps``).
"""

from __future__ import annotations

import codecs
import hashlib
import importlib
import json
import os
import select
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from . import _binary
from .errors import InvalidError, PermissionDeniedError, StokerError, TransientError

__all__ = ["RunFailedError", "load_ipython_extension", "stoker", "unload_ipython_extension"]

BAR_EVERY = 2.0  # seconds between two looks at the bar: each starts a short process
LINE_EVERY = 60.0  # where a line cannot be replaced: IPython in a terminal

# Options of `stoker run` that take the next word as their value.
_WITH_VALUE = frozenset({"-n", "--name", "--pattern", "--restart-delay", "--restarts", "--total"})
_DETACH = frozenset({"-d", "--detach"})


class RunFailedError(StokerError):
    """A run that a cell started has failed.

    Attributes:
        run: its id.
        code: its exit status, 128 + signal where a signal ended it.
        cause: the name of its cause, such as ``"cuda-oom"``.
    """

    kind = "failed"
    run = ""
    code = 1
    cause = ""

    def _render_traceback_(self) -> List[str]:
        """Tell IPython to leave our own frames out: the script's traceback stands above."""
        return [f"{type(self).__name__}: {self}"]


def load_ipython_extension(shell: Any) -> None:
    """Register ``%stoker`` and ``%%stoker``."""

    def magic(line: str, cell: Optional[str] = None) -> None:
        stoker(line, cell, shell)

    magic.__doc__ = __doc__
    shell.register_magic_function(magic, magic_kind="line_cell", magic_name="stoker")


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("stoker", None)


def stoker(line: str, cell: Optional[str] = None, shell: Any = None) -> None:
    """Run a cell, or a line such as ``attach RUN``.

    Raises:
        RunFailedError: the run failed.
        InvalidError: the options make no sense, or the cell is no Python script.
    """
    words = shlex.split(line)
    if cell is None:
        if words[:1] == ["attach"] and len(words) == 2:
            _attach(_status(words[1])["id"], shell)
        else:
            _program(words)
        return
    options, arguments = _divide(words)
    detach = not _DETACH.isdisjoint(options)
    run = _start(options, _script(cell), arguments)
    if detach:
        _say(f"run {run} goes on by itself; {_how_to_return(run)}")
    else:
        _attach(run, shell)


def _divide(words: List[str]) -> Tuple[List[str], List[str]]:
    """Split the magic's line into options of `stoker run` and the script's arguments."""
    cut = words.index("--") if "--" in words else len(words)
    options, arguments = words[:cut], words[cut + 1 :]
    value = False
    for word in options:
        if not value and not word.startswith("-"):
            raise InvalidError(
                f"{word!r} is not an option",
                hint=f"arguments of the script follow two dashes: %%stoker -- {word}",
            )
        value = not value and word in _WITH_VALUE
    return options, arguments


def _script(cell: str) -> Path:
    """Write the cell to a file that later cells do not change, and return its path."""
    code = cell.encode()
    name = f"cell-{hashlib.sha256(code).hexdigest()[:12]}.py"
    for root in _places():
        path = root / "cells" / name
        try:
            compile(code, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as err:
            raise InvalidError(
                f"the cell is no Python script: {err}",
                hint="magics (%, !) and top-level await work in the notebook's own cells only",
            ) from err
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(code)
            Path(partial).replace(path)
        except OSError:
            continue
        return path
    raise PermissionDeniedError(
        "no place for the cell's script", hint="set STOKER_STATE_DIR to a directory that you can write"
    )


def _places() -> List[Path]:
    """Return where the runner keeps its state, then where it does when that cannot be written."""
    chosen = os.environ.get("STOKER_STATE_DIR")
    shared = os.environ.get("XDG_STATE_HOME", "")
    if chosen:
        usual = Path(chosen)
    elif Path(shared).is_absolute():
        usual = Path(shared) / "stoker"
    else:
        usual = Path.home() / ".local/state/stoker"
    return [usual, Path(tempfile.gettempdir()) / f"stoker-{os.getuid()}"]


def _start(options: List[str], script: Path, arguments: List[str]) -> str:
    """Start the run and return its id."""
    command = [_binary.find(), "run", "--detach", *options, "--", sys.executable, str(script), *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_environment(), check=False
    )
    if done.returncode != 0:
        raise InvalidError(done.stderr.strip().removeprefix("stoker: "))
    return done.stdout.strip()


def _environment() -> Dict[str, str]:
    """Return the kernel's environment as a script wants it."""
    env = dict(os.environ)
    # The script lies elsewhere: modules beside the notebook are still found.
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(Path.cwd()), env.get("PYTHONPATH")) if p)
    if "inline" in env.get("MPLBACKEND", ""):
        del env["MPLBACKEND"]  # it draws into a kernel's cell
    env.pop("JPY_PARENT_PID", None)
    return env


def _attach(run: str, shell: Any) -> None:
    """Show a run's output and bar until it ends; raise if it failed."""
    # A session of its own: an interrupt is meant for the cell, which detaches.
    log = subprocess.Popen(
        [_binary.find(), "logs", "--follow", run],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    bar = _Bar(shell)
    try:
        _copy(log, run, bar)
        status = _status(run)
        bar.show(status, last=True)
    except KeyboardInterrupt:
        _say(f"run {run} goes on; {_how_to_return(run)}")
        return
    finally:
        log.kill()
        log.wait()
        if log.stdout:
            log.stdout.close()
    if status["state"] == "ended" and status["code"] != 0:
        failure = RunFailedError(
            f"run {run}: {status.get('text') or 'failed'}", hint=f"its whole output: %stoker logs {run}"
        )
        failure.run, failure.code, failure.cause = run, status["code"], status.get("cause", "")
        raise failure


def _copy(log: subprocess.Popen[bytes], run: str, bar: _Bar) -> None:
    """Copy the log to the cell until the run ends, and keep the bar current."""
    assert log.stdout is not None
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    due = time.monotonic()
    while True:
        ready, _, _ = select.select([log.stdout], [], [], max(0.0, due - time.monotonic()))
        if ready:
            piece = os.read(log.stdout.fileno(), 1 << 16)
            if not piece:
                return
            sys.stdout.write(decode(piece))
            sys.stdout.flush()
        if time.monotonic() >= due:
            bar.show(_status(run))
            due = time.monotonic() + BAR_EVERY


class _Bar:
    """The bar of a run: a line above the cell's output, replaced in place by a notebook."""

    def __init__(self, shell: Any) -> None:
        self._notebook = getattr(shell, "kernel", None) is not None
        self._handle: Any = None
        self._line = ""
        self._said = time.monotonic()

    def show(self, status: Dict[str, Any], last: bool = False) -> None:
        line = _line(status)
        if line == self._line or not line:
            return
        if self._notebook:
            self._line = line
            self._replace(f"{status['id']}  {line}")
        elif last or time.monotonic() - self._said >= LINE_EVERY:
            self._line, self._said = line, time.monotonic()
            _say(line)

    def _replace(self, line: str) -> None:
        data = {"text/plain": line}
        if self._handle is None:
            ipython = importlib.import_module("IPython.display")  # there is one: a kernel runs us
            self._handle = ipython.display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def _line(status: Dict[str, Any]) -> str:
    """Return one line about a run: its bar, or how it ended."""
    if status["state"] == "ended" and status.get("code"):
        return f"ended: {status.get('text', '')}"
    if status.get("stall"):
        return f"no progress: {status['stall']}"
    return str(status.get("bar") or ("done" if status["state"] == "ended" else status["state"]))


def _status(run: str) -> Dict[str, Any]:
    """Return what `stoker ps` knows of a run."""
    done = subprocess.run(
        [_binary.find(), "ps", "--json", run], capture_output=True, text=True, start_new_session=True, check=False
    )
    if done.returncode != 0:
        raise TransientError(done.stderr.strip() or "stoker ps failed")
    return dict(json.loads(done.stdout)[0])


def _program(words: List[str]) -> None:
    """Run the program and show what it prints."""
    done = subprocess.run(
        [_binary.find(), *(words or ["ps"])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    sys.stdout.write(done.stdout)


def _how_to_return(run: str) -> str:
    return f"see it again: %stoker attach {run} (in a terminal: stoker attach {run}); end it: %stoker stop {run}"


def _say(text: str) -> None:
    sys.stdout.write(f"stoker: {text}\n")
    sys.stdout.flush()
