"""Results as JSON, as a table and as a picture."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MIB = 1 << 20


def machine() -> dict[str, Any]:
    """Say where and with what this is measured."""
    text = subprocess.run(["lscpu"], check=False, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    lscpu = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    commit = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True).stdout
    return {
        "cpu": lscpu.get("Model name", platform.machine()).strip(),
        "cores": len(os.sched_getaffinity(0)),
        "avx512": "avx512bw" in lscpu.get("Flags", ""),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": commit.strip() or "unknown",
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def write(results: dict[str, Any], place: Path) -> None:
    """Write results.json, results.md and results.svg."""
    (place / "results.json").write_text(json.dumps(results, indent=1, default=str) + "\n")
    (place / "results.md").write_text(table(results))
    (place / "results.svg").write_text(picture(results))


def median(peer: dict[str, Any], dtype: str, what: str) -> float | None:
    """Return the median of a peer's rounds, or None."""
    values = peer.get(dtype, {}).get(what)
    return statistics.median(values) if values else None


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    settings, where, peers = results["settings"], results["machine"], results["peers"]
    batch = settings["batch_size"]
    head = [
        "| loader | images/s | float32 images/s | CPU ms/image | float32 CPU ms | cold images/s | utilisation | first batch s | epoch gap ms | memory MiB | bytes |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines = [f"Machine: {where['cpu']}, {where['cores']} cores{', AVX-512' if where['avx512'] else ''}, {where['memory_gb']} GB; {where['system']}, Python {where['python']}; commit {where['commit']}; {where['date']}.",
             f"{settings['photos']} photographs; batches of {batch}; medians of {settings['rounds']} interleaved rounds of {settings['seconds']:g} s; load average {settings['load_before'][0]:.1f} before and {settings['load_after'][0]:.1f} after.",
             f"Utilisation: of a trainer that works {settings['sim_step']:g} ms on each batch ({batch / settings['sim_step'] * 1e3:.0f} images/s). Memory: what cannot be dropped (anonymous and shared), of all processes.", "", *head]
    lines += [row(peer) for peer in peers if "reason" not in peer]
    lines += ratios(peers)
    lines += ["", "Settings and data:", ""]
    lines += [f"- {peer['title']}: {peer['settings']}; data: {peer['data_is']}; " + ", ".join(f"{n} {v}" for n, v in peer.get("versions", {}).items()) for peer in peers if "reason" not in peer]
    absent = [f"- {peer['title']}: {peer['reason']}" for peer in peers if "reason" in peer]
    return "\n".join(lines + (["", "Not measured:", "", *absent] if absent else [])) + "\n"


def row(peer: dict[str, Any]) -> str:
    """Return one peer's row."""
    cells = [
        shown(median(peer, "uint8", "images_s"), 1, "{:,.0f}"),
        shown(median(peer, "float32", "images_s"), 1, "{:,.0f}"),
        shown(median(peer, "uint8", "cpu_s"), 1e3, "{:.2f}"),
        shown(median(peer, "float32", "cpu_s"), 1e3, "{:.2f}"),
        shown(peer.get("cold_images_s"), 1, "{:,.0f}"),
        shown(peer.get("utilisation"), 100, "{:.0f} %"),
        shown(peer.get("first_s"), 1, "{:.2f}"),
        shown(peer.get("gap_s"), 1e3, "{:.0f}"),
        shown(peer.get("memory", {}).get("held"), 1 / MIB, "{:,.0f}"),
        shown(peer.get("bytes", {}).get("large"), 1 / MIB, "{:,.0f} MiB"),
    ]
    return f"| {peer['title']} | " + " | ".join(cells) + " |"


def shown(value: float | None, factor: float, form: str) -> str:
    """Return a number as the table has it."""
    return "-" if value is None else form.format(value * factor)


def ratios(peers: list[dict[str, Any]]) -> list[str]:
    """Compare Stoker with the best of the others, speed and processor time apart."""
    ours = [p for p in peers if p["name"].startswith("stoker-") and "uint8" in p and "reason" not in p]
    others = [p for p in peers if not p["name"].startswith("stoker-") and "uint8" in p and "reason" not in p]
    if not ours or not others:
        return []
    fast = max(others, key=lambda p: median(p, "uint8", "images_s") or 0)
    thrifty = min(others, key=lambda p: median(p, "uint8", "cpu_s") or 0)
    lines = ["", f"Against the fastest other ({fast['title']}) and the one with least processor time ({thrifty['title']}), uint8:", ""]
    for peer in ours:
        speed = median(peer, "uint8", "images_s") / median(fast, "uint8", "images_s")
        cost = median(peer, "uint8", "cpu_s") / median(thrifty, "uint8", "cpu_s")
        lines.append(f"- {peer['title']}: {speed:.1f} times the images/s, {cost:.2f} of the processor time")
    return lines


def picture(results: dict[str, Any]) -> str:
    """Return a bar chart of images/s and of processor time, as SVG."""
    peers = [p for p in results["peers"] if "reason" not in p and "uint8" in p]
    peers.sort(key=lambda p: -(median(p, "uint8", "images_s") or 0))
    high, left, wide = 22, 280, 270
    bottom = 56 + high * len(peers)
    where = results["machine"]
    note = f"{where['cpu']}, {where['cores']} cores; commit {where['commit']}; {where['date']}; load {results['settings']['load_before'][0]:.0f}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + 2 * wide + 130}" height="{bottom + 30}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="#ffffff"/>',
             text(left, 24, "images a second (uint8)", "bold"), text(left + wide + 70, 24, "processor time, ms an image", "bold")]
    for column, (what, factor, form) in enumerate((("images_s", 1, "{:,.0f}"), ("cpu_s", 1e3, "{:.2f}"))):
        most = max((median(p, "uint8", what) for p in peers), default=1)
        for i, peer in enumerate(peers):
            value = median(peer, "uint8", what)
            x, y = left + column * (wide + 70), 38 + high * i
            colour = "#c8502d" if peer["name"].startswith("stoker-") else "#6b7a8f"
            parts.append(f'<rect x="{x}" y="{y}" width="{max(1, wide * value / most):.1f}" height="{high - 6}" fill="{colour}"/>')
            parts.append(text(x + wide * value / most + 5, y + 12, form.format(value * factor)))
            if not column:
                parts.append(text(left - 8, y + 12, peer["title"], anchor="end"))
    parts += [text(12, bottom + 12, note, fill="#555555"), "</svg>"]
    return "\n".join(parts) + "\n"


def text(x: float, y: float, words: str, weight: str = "normal", anchor: str = "start", fill: str = "#222222") -> str:
    """Return a piece of text."""
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{fill}">{escape(words)}</text>'
