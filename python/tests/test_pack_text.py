"""`stoker pack --text`: the ids of tokenizer.json are those of the tokenizers library itself,
and pyarrow reads what was packed.

Uses the real reviews where they are ($STOKER_TEST_DATA, or ../shared/data beside the
repository), else made text. STOKER_LONG=1 compares all of them.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pytest
from conftest import LONG, REPOSITORY, run

from stoker import _binary

DATA = Path(os.environ.get("STOKER_TEST_DATA") or REPOSITORY.parent / "shared" / "data")


def all_texts() -> List[str]:
    path = DATA / "reviews.jsonl.gz"
    if path.exists():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in lines]
        return texts if LONG else texts[::10]
    words = "the a film of and to is in it I good bad Don't é naïve über 日本 🎬 10/10 wonderfully unwatchable".split()
    draw = random.Random(7)
    return [" ".join(draw.choices(words, k=draw.randint(1, 80))) + "!\n" for _ in range(1500)]


@pytest.fixture(scope="module")
def texts() -> List[str]:
    return all_texts()


@pytest.fixture(scope="module")
def source(texts: List[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "texts.jsonl"
    with open(path, "w", encoding="utf-8") as out:
        for i, text in enumerate(texts):
            out.write(json.dumps({"text": text, "label": i % 2}) + "\n")
    return path


def byte_level(texts: List[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def word_piece(texts: List[str]) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=2000, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(pad_id=0)  # which packing must not do
    return tokenizer


def unigram(texts: List[str]) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=1000, special_tokens=["<pad>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def pack(source: Path, target: Path, *options: Any, **settings: Any) -> Dict[str, Any]:
    done = run("pack", source, "-o", target, "--json", "--python", sys.executable, *options, **settings)
    return json.loads(done.stdout)


def table(target: Path) -> pa.Table:
    shards = sorted(target.glob("data-*.arrow"))
    return pa.concat_tables([ipc.open_file(pa.memory_map(str(shard))).read_all() for shard in shards])


@pytest.mark.parametrize("train", [byte_level, word_piece, unigram])
def test_ids_are_those_of_the_library(train: Any, texts: List[str], source: Path, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="pip install tokenizers: packing with tokenizer.json runs it")
    path = tmp_path / "tokenizer.json"
    train(texts[: 300 if LONG else 200]).save(str(path))
    # From the file: the scores of a Unigram lose their last bit on the way, which decides ties.
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    for settings, options in (
        ({}, []),
        ({"add_special_tokens": False}, ["--no-special"]),
    ):
        summary = pack(source, tmp_path / "t.stk", "--text", "text", "--tokenizer", path, "--overwrite", *options)
        assert summary["tokenizer"]["vocabulary"] == tokenizer.get_vocab_size()
        assert (tmp_path / "t.stk" / "tokenizer.json").read_bytes() == path.read_bytes()
        column = table(tmp_path / "t.stk")["tokens"]
        assert column.type.value_type == pa.uint16()
        want = [encoding.ids for encoding in tokenizer.encode_batch(texts, **settings)]
        assert column.to_pylist() == want
    tokenizer.enable_truncation(16)
    pack(source, tmp_path / "cut.stk", "--text", "text", "--tokenizer", path, "--max-length", 16, "--limit", 200)
    assert table(tmp_path / "cut.stk")["tokens"].to_pylist() == [e.ids for e in tokenizer.encode_batch(texts[:200])]
    # Another dataset takes the tokenizer over, with its settings.
    pack(source, tmp_path / "again.stk", "--text", "text", "--tokenizer", tmp_path / "cut.stk", "--limit", 200)
    assert table(tmp_path / "again.stk")["tokens"].equals(table(tmp_path / "cut.stk")["tokens"])


KILLED = """
import os, signal, subprocess, sys
worker = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE, bufsize=0)
left = 100_000
while left and (data := os.read(0, left)):
    worker.stdin.write(data)
    left -= len(data)
worker.stdin.close()
worker.wait()
if not left:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_tokenizer_that_dies_is_named(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="pip install tokenizers: packing with tokenizer.json runs it")
    path = tmp_path / "tokenizer.json"
    byte_level(["a b c"]).save(str(path))
    # An interpreter that reads so much and is killed: in the middle of the work.
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{KILLED}")
    python.chmod(0o755)
    big = tmp_path / "big.jsonl"
    big.write_text(source.read_text(encoding="utf-8") * (1 if LONG else 3), encoding="utf-8")
    done = subprocess.run(
        [_binary.find(), "pack", big, "-o", tmp_path / "t.stk", "--text", "text", "--tokenizer", path, "--python", python],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "the tokenizer process ended (signal: killed)" in done.stderr and "rows big.jsonl:" in done.stderr
    assert not (tmp_path / "t.stk").exists()
    # The same command goes on, with an interpreter that can.
    summary = pack(big, tmp_path / "t.stk", "--text", "text", "--tokenizer", path)
    pack(big, tmp_path / "whole.stk", "--text", "text", "--tokenizer", path)
    assert summary["samples"] == len(table(tmp_path / "whole.stk"))
    for name in os.listdir(tmp_path / "whole.stk"):
        assert (tmp_path / "t.stk" / name).read_bytes() == (tmp_path / "whole.stk" / name).read_bytes()


def test_a_file_that_is_no_tokenizer(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="pip install tokenizers: packing with tokenizer.json runs it")
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    command = [_binary.find(), "pack", source, "-o", tmp_path / "t.stk", "--text", "text", "--tokenizer", path]
    done = subprocess.run([*command, "--python", sys.executable], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "refuses the tokenizer.json" in done.stderr


def test_words_are_those_of_the_rule(texts: List[str], source: Path, tmp_path: Path) -> None:
    pack(source, tmp_path / "t.stk", "--text", "text", "--tokenizer", "words", "--vocabulary", 500, "--keep-text")
    rows = table(tmp_path / "t.stk")
    vocabulary = json.loads((tmp_path / "t.stk" / "vocabulary.json").read_text(encoding="utf-8"))
    ids = {word: i for i, word in enumerate(vocabulary["words"], vocabulary["first"])}
    assert len(ids) <= 497 and rows["text"].to_pylist() == texts
    cut = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n' + "".join(map(chr, range(32))) + "\x7f", " "))
    for text, got in list(zip(texts, rows["tokens"].to_pylist()))[:100]:
        if "İ" in text or "Σ" in text:  # lower() of Python is not letter by letter there
            continue
        assert got == [1] + [ids.get(word, 2) for word in text.lower().translate(cut).split()]


def test_lists_and_vectors_are_read_by_pyarrow(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    rows = [{"mel": draw.random((n, 3)).round(3).tolist(), "ids": list(range(n))} for n in (2, 5, 1)]
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pack(source, tmp_path / "mel.stk", "--sequence", "mel", "--dtype", "float64")
    column = table(tmp_path / "mel.stk")["mel"]
    assert column.type == pa.list_(
        pa.field("item", pa.list_(pa.field("item", pa.float64(), nullable=False), 3), nullable=False)
    )
    assert column.to_pylist() == [row["mel"] for row in rows]
    pack(source, tmp_path / "ids.stk", "--text", "ids", "--tokenizer", "ids", "--vocabulary", 70000)
    assert table(tmp_path / "ids.stk")["tokens"].to_pylist() == [row["ids"] for row in rows]
    index = ipc.open_file(pa.memory_map(str(tmp_path / "ids.stk" / "index.arrow"))).read_all()
    assert index["tokens"].to_pylist() == [2, 5, 1] and index["length"].to_pylist() == [8, 20, 4]
    # The index says where the ids lie in the file.
    shard = (tmp_path / "ids.stk" / "data-00000.arrow").read_bytes()
    for row, offset, length in zip(rows, index["offset"].to_pylist(), index["length"].to_pylist()):
        assert np.frombuffer(shard[offset : offset + length], "<i4").tolist() == row["ids"]


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.arrows"])
def test_files_of_pyarrow_are_packed(name: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = {"text": ["a b", None, "c"], "ids": [[1, 2], [3], []], "n": [1, None, 3], "kind": ["x", "y", "x"]}
    data = pa.table(
        {"text": pa.array(rows["text"], pa.large_string()), "ids": pa.array(rows["ids"], pa.list_(pa.int16())),
         "n": pa.array(rows["n"], pa.int8()), "kind": rows["kind"]}
    )  # fmt: skip
    path = tmp_path / name
    if name == "a.parquet":
        parquet.write_table(data, path)
    else:
        with (ipc.new_file if name == "a.arrow" else ipc.new_stream)(str(path), data.schema) as out:
            out.write_table(data)
    summary = pack(path, tmp_path / "t.stk", "--text", "text", "--tokenizer", "bytes", "--on-bad", "skip", "--label", "kind")
    assert summary["samples"] == 2 and summary["classes"] == ["x"]
    assert [bad["path"] for bad in summary["bad"]] == [f"{name}:2"]
    assert table(tmp_path / "t.stk")["n"].to_pylist() == [1, 3]
    summary = pack(path, tmp_path / "i.stk", "--text", "ids", "--tokenizer", "ids", "--keep-empty")
    assert table(tmp_path / "i.stk")["tokens"].to_pylist() == rows["ids"]
