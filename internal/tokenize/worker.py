"""Encodes batches of texts with the tokenizers library, for `stoker pack`.

Reads from standard input, once, the settings (JSON) and a tokenizer.json, and then
batches of texts; writes to standard output, once, what the tokenizer is (JSON), and
then the ids of each batch. All numbers are little-endian.

    settings  u32 bytes, JSON; u32 bytes, tokenizer.json
    hello     u32 bytes, JSON
    batch     u32 n, n * u32 bytes, the texts in UTF-8 one after another
    ids       u32 n, n * u32 counts, the ids as u32 one after another, and for each
              count of 0xFFFFFFFF, instead of ids: u32 bytes, why there are none

Ends with its standard input.
"""

import array
import json
import os
import struct
import sys

FAILED = 0xFFFFFFFF


def main():
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not get between the frames
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one worker runs on each core
    settings = json.loads(frame(source))
    text = frame(source).decode("utf-8")
    try:
        tokenizer, hello = load(settings, text)
    except ImportError as error:
        tokenizer, hello = None, {"missing": str(error), "python": sys.executable}
    except Exception as error:  # the library raises Exception itself
        tokenizer, hello = None, {"error": str(error)}
    data = json.dumps(hello).encode()
    target.write(struct.pack("<I", len(data)) + data)
    target.flush()
    if tokenizer is not None:
        serve(tokenizer, settings["special"], source, target)


def load(settings, text):
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_str(text)
    tokenizer.no_padding()
    most = tokenizer.truncation["max_length"] if tokenizer.truncation else 0
    if settings["max_length"]:
        most = settings["max_length"]
        tokenizer.enable_truncation(most)
    added = tokenizer.get_added_tokens_decoder() if hasattr(tokenizer, "get_added_tokens_decoder") else {}
    special = {str(token.content): index for index, token in added.items() if token.special}
    vocabulary = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    return tokenizer, {"version": tokenizers.__version__, "vocabulary": vocabulary, "max_length": most, "special": special}


def serve(tokenizer, special, source, target):
    # Offsets into the text are not needed; without them the ids are the same.
    encode = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)
    while True:
        head = source.read(4)
        if len(head) < 4:
            return
        (n,) = struct.unpack("<I", head)
        lengths = array.array("I", exactly(source, 4 * n))
        data = exactly(source, sum(lengths))
        texts, at = [], 0
        for length in lengths:
            texts.append(data[at : at + length].decode("utf-8"))
            at += length
        counts, body = ids_of(encode, texts, special)
        target.write(struct.pack("<I", n) + counts.tobytes() + b"".join(body))
        target.flush()


def ids_of(encode, texts, special):
    try:
        encodings = encode(texts, add_special_tokens=special)
    except Exception as error:
        if len(texts) == 1:
            reason = str(error).encode()
            return array.array("I", [FAILED]), [struct.pack("<I", len(reason)), reason]
        counts, body = array.array("I"), []
        for text in texts:  # finds those that fail
            count, part = ids_of(encode, [text], special)
            counts.extend(count)
            body.extend(part)
        return counts, body
    body = [array.array("I", encoding.ids).tobytes() for encoding in encodings]
    return array.array("I", [len(part) // 4 for part in body]), body


def frame(source):
    (n,) = struct.unpack("<I", exactly(source, 4))
    return exactly(source, n)


def exactly(source, n):
    data = source.read(n)
    if len(data) < n:
        sys.exit(0)  # the other side is gone
    return data


main()
