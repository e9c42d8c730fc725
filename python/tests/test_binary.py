"""Finding the program, and starting the engine."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from conftest import REPOSITORY, listening

import stoker
from stoker import _binary, _engine


def test_the_choice_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "mine"
    monkeypatch.setenv("STOKER_BIN", str(program))
    with pytest.raises(stoker.NotFoundError, match="STOKER_BIN names"):
        _binary.find()
    program.write_text("#!/bin/sh\n")
    with pytest.raises(stoker.NotFoundError):
        _binary.find()
    program.chmod(0o755)
    assert _binary.find() == str(program)


def test_the_error_lists_every_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STOKER_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_binary, "_runs", lambda path: False)
    with pytest.raises(stoker.NotFoundError) as caught:
        _binary.find()
    text = str(caught.value)
    for place in ("STOKER_BIN", "_bin/stoker", str(REPOSITORY / "bin" / "stoker"), str(tmp_path)):
        assert place in text
    assert "make build" in text


def test_path_is_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "stoker"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.delenv("STOKER_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_binary, "_runs", lambda path: path.parent == tmp_path)
    assert _binary.find() == str(program)


def test_version_is_the_repositorys() -> None:
    assert stoker.__version__ == (REPOSITORY / "VERSION").read_text().strip()


def test_the_usual_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STOKER_ENGINE")
    engine = subprocess.Popen([_binary.find(), "serve"], stderr=subprocess.PIPE, text=True)
    try:
        assert engine.stderr is not None
        said = engine.stderr.readline().split()
        assert "listen" in " ".join(said) and _engine.address() in said
        assert stoker.__version__ in _engine.address()
    finally:
        engine.kill()
        engine.communicate()


def test_a_program_that_cannot_serve(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_engine: str, dataset: str
) -> None:
    program = tmp_path / "stoker"
    program.write_text("#!/bin/sh\necho no luck today >&2\nexit 7\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("STOKER_BIN", str(program))
    with pytest.raises(stoker.EngineError, match="exit code 7.*no luck today"):
        stoker.Loader(dataset)


def test_a_program_that_serves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_engine: str, dataset: str
) -> None:
    program = tmp_path / "stoker"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("STOKER_BIN", str(program))
    with pytest.raises(stoker.EngineError, match="nobody answers"):
        stoker.Loader(dataset)
    assert not listening(own_engine)


def test_a_missing_dataset(own_engine: str, tmp_path: Path) -> None:
    with pytest.raises(stoker.NotFoundError) as caught:
        stoker.Loader(tmp_path / "none.stk")
    assert str(tmp_path / "none.stk") in str(caught.value)


def test_the_command_does_not_find_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = tmp_path / "stoker"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.delenv("STOKER_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_binary, "_runs", lambda path: path.parent == tmp_path)
    with pytest.raises(SystemExit, match="not installed"):
        _binary.main()
