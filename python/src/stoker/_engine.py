"""Start the machine's engine, or join the one that runs."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List, Optional, Tuple, Union

from . import _binary, _wire
from ._version import __version__
from .errors import EngineError, PermissionDeniedError, from_wire

_ATTEMPTS = 5  # to meet an engine: others may end between our start and our hello
_START_SECONDS = 30.0
_GREETING_SECONDS = 30.0


def address() -> str:
    """Return the name of the engine's socket; a leading ``@`` means an abstract one."""
    chosen = os.environ.get("STOKER_ENGINE")
    if chosen:
        return chosen
    if sys.platform == "linux":
        # The mount namespace tells containers apart that share a network.
        namespace = os.stat("/proc/self/ns/mnt").st_ino
        return f"@stoker/{os.getuid()}/{namespace}/{__version__}/{_build()}"
    return str(_private_directory() / "engine.sock")


def _build() -> str:
    """Tell builds of one version apart, as ``stoker serve`` does: they do not share an engine."""
    program = os.stat(_binary.find())
    return f"{program.st_size:x}-{program.st_mtime_ns:x}"


def _private_directory() -> Path:
    path = Path(tempfile.gettempdir()) / f"stoker-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionDeniedError(
            f"{path} is not a directory of this user alone",
            path=str(path),
            hint="remove it, or set TMPDIR to a private directory",
        )
    return path


def connect() -> Tuple[socket.socket, _wire.Receiver, int]:
    """Return a greeted connection to the engine, which is started where none runs, and its process id."""
    name = address()
    reasons: List[str] = []
    for _ in range(_ATTEMPTS):
        sock = _dial(name)
        if sock is None:
            _start(name)
            sock = _dial(name)
        if sock is None:
            reasons.append(f"nobody answers at {name}")
            continue
        try:
            return (sock, *_greet(sock))
        except (_wire.ConnectionLost, OSError) as err:
            # It was just leaving when it took the connection.
            sock.close()
            reasons.append(f"the engine left during the greeting: {err}")
        except BaseException:
            sock.close()
            raise
    raise EngineError(
        f"cannot reach the engine: {reasons[-1]}",
        hint=f"run `{_binary.find()} serve --socket {name}` in a terminal to see why",
    )


def _dial(name: str) -> Optional[socket.socket]:
    """Return a connection, or ``None`` where nobody listens."""
    where: Union[str, bytes] = b"\0" + os.fsencode(name[1:]) if name.startswith("@") else name
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(_GREETING_SECONDS)
        sock.connect(where)
        _check_owner(sock, name)
    except (ConnectionRefusedError, FileNotFoundError):
        sock.close()
        return None
    except BaseException:
        sock.close()
        raise
    return sock


def _check_owner(sock: socket.socket, name: str) -> None:
    # Anybody may bind an abstract name; batches are taken from our own user only.
    if not hasattr(socket, "SO_PEERCRED"):
        return
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if uid != os.getuid():
        raise PermissionDeniedError(
            f"the engine at {name} belongs to user {uid}, not to {os.getuid()}",
            hint="set STOKER_ENGINE to another socket name",
        )


def _greet(sock: socket.socket) -> Tuple[_wire.Receiver, int]:
    hello = {"protocol": _wire.PROTOCOL, "version": __version__, "pid": os.getpid()}
    with contextlib.suppress(OSError):  # an engine that closed the connection said why: see below
        sock.sendall(_wire.encode_json(_wire.HELLO, hello))
    receiver = _wire.Receiver(sock)
    kind, payload = receiver.receive()
    reply = _wire.decode_json(payload)
    if kind == _wire.ERROR:
        raise from_wire(reply)
    if kind != _wire.HELLO_OK or reply.get("protocol") != _wire.PROTOCOL:
        raise EngineError(
            f"the engine speaks protocol {reply.get('protocol')} (version {reply.get('version')}), "
            f"this package protocol {_wire.PROTOCOL} (version {__version__})",
            hint="install a package and a program of one version",
        )
    sock.settimeout(None)
    return receiver, int(reply.get("pid") or 0)


def _start(name: str) -> None:
    """Run the program's ``serve``, which returns once an engine listens."""
    program = _binary.find()
    # A file, not a pipe: the engine outlives the command and may keep it open.
    with tempfile.TemporaryFile() as log:
        try:
            done = subprocess.run(
                [program, "serve", "--socket", name, "--detach"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is not for the engine
                timeout=_START_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise EngineError(
                f"the engine did not start within {_START_SECONDS:.0f} s",
                hint=f"run `{program} serve --socket {name}` in a terminal to see why",
            ) from None
        except OSError as err:
            raise EngineError(f"cannot run {program}: {err}", hint="build or install it again") from err
        if done.returncode != 0:
            log.seek(0)
            text = log.read().decode(errors="replace").strip()
            raise EngineError(
                f"the engine did not start (exit code {done.returncode}): {text or 'no output'}",
                hint=f"run `{program} serve --socket {name}` in a terminal",
            )
