#!/bin/sh
# Usage: require.sh TOOL...  Says clearly what is missing, and how to get it.
set -u
missing=0
say() {
	echo "stoker: $1" >&2
	echo "hint: $2" >&2
	missing=1
}
for tool in "$@"; do
	case $tool in
	go)
		if ! command -v go >/dev/null; then
			say "Go is not installed" "apt-get install golang, or https://go.dev/dl; 1.21 or later fetches the version that go.mod names"
		elif ! go version >/dev/null 2>&1; then
			say "this Go cannot build the project: $(go version 2>&1 | head -n 1)" "install the version that go.mod names"
		fi ;;
	cc)
		command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null ||
			say "no C compiler: the race detector needs one (the build does not)" "apt-get install gcc libc6-dev" ;;
	python3)
		python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
			say "Python 3.9 or later is not installed" "apt-get install python3 python3-venv" ;;
	venv)
		python3 -c 'import venv, ensurepip' 2>/dev/null ||
			say "this Python cannot make virtual environments" "apt-get install python3-venv" ;;
	esac
done
exit $missing
