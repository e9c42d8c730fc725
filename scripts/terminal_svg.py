#!/usr/bin/env python3
"""Draws lines of terminal text, read from standard input, as an SVG picture.

Usage: tmux capture-pane -p | scripts/terminal_svg.py > docs/bar.svg
"""

import sys
from html import escape

CELL, LINE, MARGIN = 8.4, 19, 14


def main() -> None:
    lines = [line.rstrip("\n") for line in sys.stdin]
    width = round(max(map(len, lines)) * CELL + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">')
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#16202c"/>')
    print('<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" fill="#d7dee6" xml:space="preserve">')
    for number, line in enumerate(lines):
        y = MARGIN + (number + 0.75) * LINE
        colour = ' fill="#7fd1b9"' if number == len(lines) - 1 else ""
        length = f' textLength="{len(line) * CELL:.1f}" lengthAdjust="spacingAndGlyphs"' if line.strip() else ""
        print(f'<text x="{MARGIN}" y="{y:.1f}"{colour}{length}>{escape(line)}</text>')
    print("</g>\n</svg>")


if __name__ == "__main__":
    main()
