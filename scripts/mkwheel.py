#!/usr/bin/env python3
"""Make the wheel: the Python package with the static stoker program inside.

    python3 scripts/mkwheel.py [--goarch amd64|arm64] [--out dist]

Needs Go and the standard library alone. The same sources give the same bytes: all
time stamps are 1980-01-01, the order is sorted, and Go builds with -trimpath.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The static program needs no libc at all; manylinux2014 is the oldest tag that every pip knows.
PLATFORMS = {
    "amd64": "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "arm64": "manylinux_2_17_aarch64.manylinux2014_aarch64",
}
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    """Build the program, then the wheel; print the wheel's path."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--goarch", choices=sorted(PLATFORMS), default="amd64")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    version = (ROOT / "VERSION").read_text().strip()
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "stoker"
        build_program(program, options.goarch, version)
        options.out.mkdir(parents=True, exist_ok=True)
        wheel = write_wheel(options.out, program, PLATFORMS[options.goarch], version)
    print(wheel)


def build_program(target: Path, goarch: str, version: str) -> None:
    """Compile the static program for Linux."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": goarch}
    flags = f"-s -w -buildid= -X main.version={version}"
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(target), "./cmd/stoker"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def write_wheel(folder: Path, program: Path, platform: str, version: str) -> Path:
    """Write the archive as PEP 427 and the binary distribution format ask for."""
    tag = f"py3-none-{platform}"
    info = f"stoker-{version}.dist-info"
    files = package_files()
    files["stoker/_bin/stoker"] = program.read_bytes()
    files[f"{info}/METADATA"] = metadata(version).encode()
    files[f"{info}/WHEEL"] = wheel_file(tag).encode()
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\nstoker = stoker._binary:main\n"
    files[f"{info}/licenses/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    record = "".join(f"{name},{digest(data)},{len(data)}\n" for name, data in sorted(files.items()))
    target = folder / f"stoker-{version}-{tag}.whl"
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [*sorted(files.items()), (f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode())]:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix: the permissions below count
            entry.external_attr = (0o100755 if name.endswith("_bin/stoker") else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    partial.replace(target)
    return target


def package_files() -> dict[str, bytes]:
    """Return the package's own files by their names in the archive."""
    package = ROOT / "python" / "src" / "stoker"
    names = [*package.rglob("*.py"), package / "py.typed"]
    return {p.relative_to(package.parent).as_posix(): p.read_bytes() for p in names}


def metadata(version: str) -> str:
    """Return METADATA; python/pyproject.toml says the same."""
    return f"""Metadata-Version: 2.1
Name: stoker
Version: {version}
Summary: Feeds training loops: packed datasets, exact resume, no waiting for data
License: Apache-2.0
Requires-Python: >=3.9
Requires-Dist: numpy>=1.22
Provides-Extra: progress
Requires-Dist: tqdm; extra == "progress"
Provides-Extra: torch
Requires-Dist: torch; extra == "torch"
Provides-Extra: jax
Requires-Dist: jax; extra == "jax"
Description-Content-Type: text/markdown

{(ROOT / "README.md").read_text(encoding="utf-8")}"""


def wheel_file(tag: str) -> str:
    """Return WHEEL: one line for each of the joined tags."""
    python, abi, platforms = tag.split("-")
    tags = "".join(f"Tag: {python}-{abi}-{platform}\n" for platform in platforms.split("."))
    return f"Wheel-Version: 1.0\nGenerator: stoker mkwheel\nRoot-Is-Purelib: false\n{tags}"


def digest(data: bytes) -> str:
    """Return the hash in RECORD's spelling."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
