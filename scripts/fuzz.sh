#!/bin/sh
# Usage: fuzz.sh TIME PACKAGES...  Runs every fuzz target for TIME.
set -eu
time=$1
shift
go list "$@" | while read -r package; do
	go test -list '^Fuzz' "$package" | grep '^Fuzz' | while read -r target; do
		echo "== $package $target"
		# Go's own minimising of inputs, a minute each, would take all the time.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$package" </dev/null
	done
done
