#!/usr/bin/env python3
"""Runs `go test -json` with the given arguments and prints what a person reads:
a line per package, the output of what failed, each reason for a skip, the totals."""

import collections
import json
import subprocess
import sys


def main() -> int:
    command = ["go", "test", "-json", *sys.argv[1:]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    output: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    totals: collections.Counter[str] = collections.Counter()
    for line in process.stdout:
        try:
            event = json.loads(line)
        except ValueError:
            print(line, end="", flush=True)
            continue
        report(event, output, totals)
    status = process.wait()
    broken = 1 if status and not totals["fail"] else 0
    print(f"go: {totals['pass']} passed, {totals['fail'] + broken} failed, {totals['skip']} skipped")
    return status


def report(event: dict, output: dict, totals: collections.Counter) -> None:
    action, package, test = event["Action"], event.get("Package") or event.get("ImportPath", ""), event.get("Test", "")
    key = (package, test)
    if action in ("output", "build-output"):
        output[key].append(event["Output"])
        return
    if action not in ("pass", "fail", "skip", "build-fail"):
        return
    text = "".join(output.pop(key, []))
    if action in ("fail", "build-fail"):
        print(text, end="", flush=True)
    if test and "/" not in test:
        totals[action] += 1
    if test and action == "skip":
        print(f"skip  {package} {test}: " + " ".join(text.split("\n")[-3:-1]).strip(), flush=True)
    if not test and action != "build-fail":
        print(f"{action:5} {package} {event.get('Elapsed', 0):.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
