"""Cells that run under `stoker run`, with the real program and no IPython but a shell's outline."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

import stoker
from stoker import _binary, jupyter


class Shell:
    """What the extension needs of an IPython shell."""

    kernel = None

    def __init__(self) -> None:
        self.magics: Dict[str, Callable[..., Any]] = {}

    def register_magic_function(self, function: Callable[..., Any], magic_kind: str, magic_name: str) -> None:
        assert magic_kind == "line_cell"
        self.magics[magic_name] = function


@pytest.fixture
def magic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    state = tmp_path / "state"
    monkeypatch.setenv("STOKER_STATE_DIR", str(state))
    monkeypatch.chdir(tmp_path)
    shell = Shell()
    jupyter.load_ipython_extension(shell)
    return shell.magics["stoker"]


def test_shows_what_the_cell_prints(magic: Callable[..., Any], tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "beside.py").write_text("ANSWER = 42\n")
    magic("--name mine -- --epochs 3", "import sys, beside, os\nprint(beside.ANSWER, sys.argv[1:], os.getpid())\n")
    out = capsys.readouterr().out
    assert "42 ['--epochs', '3']" in out
    assert str(os.getpid()) not in out.splitlines()[0]  # a process of its own
    magic("ps")
    assert "mine" in capsys.readouterr().out


def test_a_failure_raises(magic: Callable[..., Any], capsys: Any) -> None:
    with pytest.raises(jupyter.RunFailedError) as caught:
        magic("", "import not_there_at_all\n")
    assert caught.value.code == 1
    assert caught.value.cause == "import"
    assert caught.value.run in str(caught.value)
    assert "ModuleNotFoundError" in capsys.readouterr().out
    assert "Traceback" not in "".join(caught.value._render_traceback_())


def test_an_interrupt_detaches(
    magic: Callable[..., Any], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = (
        "import os, time\nopen('began', 'w').close()\nprint('here', flush=True)\n"
        "while not os.path.exists('go'): time.sleep(0.05)\nprint('to the end')\n"
    )

    watches = threading.Event()
    copy = jupyter._copy

    def copy_and_tell(*args: Any) -> None:
        watches.set()
        copy(*args)

    def interrupt() -> None:
        deadline = time.monotonic() + 120
        while not (watches.is_set() and (tmp_path / "began").exists()) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(jupyter, "_copy", copy_and_tell)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        magic("", cell)
    finally:
        thread.join()
    out = capsys.readouterr().out
    assert "goes on" in out
    run = out.split("%stoker attach ")[1].split()[0]
    deadline = time.monotonic() + 120
    while jupyter._status(run)["state"] != "running" and time.monotonic() < deadline:  # it is told a little later
        time.sleep(0.05)
    assert jupyter._status(run)["state"] == "running"
    (tmp_path / "go").touch()
    magic(f"attach {run}")
    assert "to the end" in capsys.readouterr().out
    assert jupyter._status(run)["code"] == 0


def test_detached_at_once(magic: Callable[..., Any], capsys: Any) -> None:
    magic("-d", "print('alone')\n")
    run = capsys.readouterr().out.split("%stoker attach ")[1].split()[0]
    magic(f"attach {run}")
    assert "alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "cell", "says"),
    [
        ("train", "pass\n", "two dashes"),
        ("--name a b", "pass\n", "'b' is not an option"),
        ("--no-such-option", "pass\n", "no-such-option"),
        ("", "!pip list\n", "no Python script"),
        ("", "x = \n", "no Python script"),
    ],
)
def test_refused(magic: Callable[..., Any], line: str, cell: str, says: str) -> None:
    with pytest.raises(stoker.InvalidError, match=says):
        magic(line, cell)


def test_the_environment_is_a_scripts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    env = jupyter._environment()
    assert "MPLBACKEND" not in env
    assert env["PYTHONPATH"] == f"{tmp_path}{os.pathsep}/elsewhere"


def test_in_ipython(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shells = pytest.importorskip("IPython.core.interactiveshell")
    monkeypatch.setenv("STOKER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell = shells.InteractiveShell()
    shell.run_line_magic("load_ext", "stoker.jupyter")
    result = shell.run_cell("%%stoker --name cell\nraise ValueError('out of order')\n")
    assert isinstance(result.error_in_exec, jupyter.RunFailedError)
    assert shell.run_cell("%%stoker\nprint('fine')\n").success
    assert subprocess.run([_binary.find(), "ps", "--json", "cell"], capture_output=True, check=True).stdout
    shell.run_line_magic("unload_ext", "stoker.jupyter")
    assert "stoker" not in shell.magics_manager.magics["cell"]
