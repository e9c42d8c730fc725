"""Errors: kinds, facts, texts."""

from __future__ import annotations

import pickle
import re
from typing import Any, Dict

import pytest
from conftest import REPOSITORY

import stoker
from stoker import _arguments, errors


def test_one_class_per_kind_of_the_engine() -> None:
    source = (REPOSITORY / "internal" / "errs" / "errs.go").read_text()
    names = re.findall(r'"([a-z ]+)"', source.split("var names")[1].split("}")[0])
    for number, name in enumerate(names):
        err = errors.from_wire({"kind": number, "message": "m"})
        assert err.kind == name
        assert isinstance(err, stoker.StokerError)
    assert len(names) == len(errors._CLASSES)


def test_text_and_facts() -> None:
    err = errors.from_wire(
        {"kind": 4, "message": "the checksum is wrong", "hint": "pack it again", "path": "/d/p.stk",
         "shard": "data-00000.arrow", "offset": 4096, "key": "cat/1.jpg"}
    )  # fmt: skip
    assert isinstance(err, stoker.CorruptError)
    assert (err.shard, err.offset, err.key) == ("data-00000.arrow", 4096, "cat/1.jpg")
    assert str(err) == (
        "/d/p.stk: data-00000.arrow at byte 4096: sample 'cat/1.jpg': the checksum is wrong\nhint: pack it again"
    )
    again = pickle.loads(pickle.dumps(err))
    assert (type(again), str(again), again.offset) == (type(err), str(err), 4096)


def test_a_text_that_names_the_place_is_not_repeated() -> None:
    err = errors.from_wire({"kind": 2, "message": "/d/p.stk: no such dataset", "path": "/d/p.stk"})
    assert str(err) == "/d/p.stk: no such dataset"


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (stoker.InvalidError, ValueError),
        (stoker.NotFoundError, FileNotFoundError),
        (stoker.PermissionDeniedError, PermissionError),
    ],
)
def test_builtin_names_catch_them(cls: type, builtin: type) -> None:
    with pytest.raises(builtin, match="what"):
        raise cls("what", hint="do")


def test_unknown_kinds_are_internal() -> None:
    assert type(errors.from_wire({"kind": 99, "message": "m"})) is stoker.InternalError
    assert type(errors.from_wire({})) is stoker.InternalError


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"num_workers": 4}, r"Loader has no argument 'num_workers'; the engine decodes in threads"),
        ({"transform": None}, r"here it is transforms=\[\.\.\.\]"),
        ({"shufle": True}, r"did you mean shuffle=\?"),
        ({"colate": print}, r"did you mean collate=\?"),
        ({"zzz": 1}, r"see help\(stoker\.Loader\)"),
    ],
)
def test_arguments_of_other_loaders(options: Dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        stoker.Loader("photos.stk", 8, **options)


def test_hints_name_arguments_that_exist() -> None:
    known = _arguments._names(stoker.Loader)
    assert "batch_size" not in known and {"image", "collate", "world_size"} <= set(known)
    for name, hint in _arguments._KNOWN_ELSEWHERE.items():
        assert name not in known
        for word in re.findall(r"(\w+)=", hint):
            assert word in [*known, "batch_size"], hint


def test_a_list_of_operations_is_no_image() -> None:
    with pytest.raises(stoker.InvalidError, match=r"the whole list of operations is transforms="):
        stoker.Loader("photos.stk", 8, image=[stoker.HorizontalFlip()])  # type: ignore[arg-type]
