"""Make one virtual environment for each peer from PyPI, pinned; PyTorch is installed once."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements"
SOURCE = HERE.parents[1] / "python" / "src"
PIP_SECONDS = 1500


class Missing(Exception):
    """Why a peer cannot be measured."""


def make(name: str, place: Path) -> Path:
    """Return the Python of a peer's environment, made where it is not there yet.

    A first line `# on NAME` in the requirements puts the environment on top of
    another one: what that has is found, what is installed here comes before it.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    wanted = requirements.read_text()
    under = [line.split()[2] for line in wanted.splitlines() if line.startswith("# on ")]
    paths = [str(site(make(base, place))) for base in under] + [str(SOURCE)]
    home = place / f"venv-{name}"
    python = home / "bin" / "python"
    stamp = home / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"making {home} (once)", file=sys.stderr)
    venv.create(home, with_pip=True, clear=not (home / "begun").is_file())
    (home / "begun").touch()
    (site(python) / "below.pth").write_text("\n".join(paths) + "\n")
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-compile", "-r", str(requirements)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PIP_SECONDS, env=environment())
    except subprocess.TimeoutExpired:
        raise Missing(f"pip was not done after {PIP_SECONDS} s") from None
    (home / "pip.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise Missing(reason(done.stderr or done.stdout))
    stamp.write_text(wanted)
    return python


def site(python: Path) -> Path:
    """Return an environment's folder of packages."""
    return next((python.parents[1] / "lib").glob("python3*")) / "site-packages"


def environment() -> dict[str, str]:
    """Return a process's environment: compiled modules are kept, so that nobody pays for them twice, but not beside the sources."""
    cache = HERE.parents[1] / "build" / "peers" / "compiled"
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPYCACHEPREFIX": str(cache), "PYTHONPATH": str(HERE), "HF_HUB_OFFLINE": "1"}


def reason(text: str) -> str:
    """Return the line of an output that says most about a failure."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "hint" in line.lower()]
    return (telling or lines or ["it said nothing"])[-1][:300]
