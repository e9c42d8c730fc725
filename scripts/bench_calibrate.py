#!/usr/bin/env python3
"""Check `stoker calibrate`: how long it takes, whether it repeats, and whether its prediction of `stoker bench` comes true.

    python scripts/bench_calibrate.py DATASET [--rounds N] [--stoker bin/stoker] [--python PYTHON]

Rounds alternate a calibration and a bench, so that both see the same machine. The figures asked for: at most
60 s, repeats within 10 %, prediction within 15 %. On a machine that others keep busy the bench is slowed down
and the calibration, which allows for it, is not: the load is printed beside.
"""

import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*argv):
    return json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def spread(values):
    """The furthest that a value lies from the median of all."""
    middle = statistics.median(values)
    return max(abs(v / middle - 1) for v in values) if middle else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stoker", default=os.environ.get("STOKER_BIN", str(ROOT / "bin" / "stoker")))
    parser.add_argument("--python", default="", help="interpreter with the framework to measure")
    args = parser.parse_args()
    reports, rates = [], []
    options = ["--python", args.python] if args.python else []
    for i in range(args.rounds):
        r = run(args.stoker, "calibrate", args.dataset, "--json", "--no-store", *options)
        b = run(args.stoker, "bench", args.dataset, "--json", "--quiet")
        reports.append(r)
        rates.append(b["samples_per_second"])
        print(f"round {i + 1}: {r['seconds']:.0f} s, predicted {r['prediction']['bench']:,.0f}, bench {rates[-1]:,.0f} samples/s; "
              f"others kept {r['load']['others']:.2f} of {r['load']['cpus']} processors busy", flush=True)
    predicted = [r["prediction"]["bench"] for r in reports]
    off = statistics.median(predicted) / statistics.median(rates) - 1
    print(f"longest calibration {max(r['seconds'] for r in reports):.0f} s (at most 60)")
    print(f"prediction of the bench off by {100 * off:+.0f} % (at most 15)")
    print("furthest from the median over the rounds (at most 10 %):")
    for row in reports[0]["rows"]:
        values = [x["value"]["mid"] for r in reports for x in r["rows"] if x["id"] == row["id"]]
        print(f"  {row['id']:26} {100 * spread(values):4.0f} %")


if __name__ == "__main__":
    main()
