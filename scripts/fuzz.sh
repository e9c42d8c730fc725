#!/bin/sh
# Usage: fuzz.sh TIME PACKAGES...  Runs every fuzz target for TIME.
set -eu
time=$1
shift
go list "$@" | while read -r package; do
	go test -list '^Fuzz' "$package" | grep '^Fuzz' | while read -r target; do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null
	done
done
