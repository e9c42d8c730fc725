"""Record what a command writes to a terminal, with times.

    python record.py OUT -- python tqdm_loop.py

The command gets a pseudo-terminal of 200 columns. OUT is text, one JSON array a
line: [seconds since the start, what was written], and last [seconds, exit code].
"""

import codecs
import json
import os
import pty
import struct
import sys
import termios
import time
from fcntl import ioctl


def main() -> int:
    out, dashes, *command = sys.argv[1:]
    if dashes != "--" or not command:
        print(__doc__, file=sys.stderr)
        return 2
    start = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    text = codecs.getincrementaldecoder("utf-8")("replace")
    with open(out, "w", encoding="utf-8") as log:
        while True:
            try:
                piece = os.read(fd, 65536)
            except OSError:
                break
            if not piece:
                break
            at = round(time.monotonic() - start, 3)
            log.write(json.dumps([at, text.decode(piece)], ensure_ascii=False) + "\n")
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        log.write(json.dumps([round(time.monotonic() - start, 3), code]) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
