#!/bin/sh
# Usage: real_runs.sh [NAME...]
# Trains the small examples of examples/runs for real (about three minutes in
# all), records what they write to a terminal, and checks that Stoker finds their
# epochs, steps and phases. Packages come from PyPI into build/venv-runs (once,
# 3 GB); STOKER_RUNS_PYTHON names another Python that has them already.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
python=${STOKER_RUNS_PYTHON:-}
if [ -z "$python" ]; then
	scripts/venv.sh build/venv-runs examples/runs/requirements.txt
	python=$here/build/venv-runs/bin/python
fi
out=$here/build/runs
rm -rf "$out"
mkdir -p "$out"
names=${*:-"tqdm_loop keras3 lightning_mlp lightning_mlp_rich hf_trainer pytorch_ref nanogpt_style"}
for name in $names; do
	script=${name%_rich}
	flags=
	[ "$name" = "$script" ] || flags=--rich
	echo "training $name" >&2
	# shellcheck disable=SC2086 # no flags is no argument
	if ! (cd examples/runs && "$python" record.py "$out/$name.jsonl" -- "$python" "$script.py" $flags >"$out/$name.out" 2>&1); then
		echo "stoker: the example run $name failed" >&2
		echo "hint: see $out/$name.out" >&2
		exit 1
	fi
done
STOKER_RUNS=$out go test -count=1 -run TestRealRuns -v ./internal/run/estimate
