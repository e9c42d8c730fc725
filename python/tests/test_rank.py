"""Rank and world size, from where."""

from __future__ import annotations

import pytest

import stoker
from stoker import _rank


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in _rank._LAUNCHERS:
        for name in names:
            monkeypatch.delenv(name, raising=False)


def test_alone() -> None:
    assert _rank.find(None, None) == (0, 1)


def test_arguments_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert _rank.find(3, 8) == (3, 8)


@pytest.mark.parametrize("names", _rank._LAUNCHERS)
def test_launchers(monkeypatch: pytest.MonkeyPatch, names: tuple) -> None:
    monkeypatch.setenv(names[0], "2")
    assert _rank.find(None, None) == (0, 1)
    monkeypatch.setenv(names[1], "4")
    assert _rank.find(None, None) == (2, 4)


def test_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(stoker.InvalidError, match="together"):
        _rank.find(1, None)
    monkeypatch.setenv("RANK", "first")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(stoker.InvalidError, match="RANK='first'"):
        _rank.find(None, None)
