#!/bin/sh
# Usage: venv.sh DIR REQUIREMENTS [--optional MORE_REQUIREMENTS]
# Makes a virtual environment with the pinned packages, once; the project's own
# package is put on its path. What is optional may be missing: that is said, and
# whoever asked finds out by importing it.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$1 requirements=$2 optional=${4:-}
sum=$(cat "$requirements" ${optional:+"$optional"} | cksum)
[ "$(cat "$dir/installed" 2>/dev/null || true)" != "$sum" ] || exit 0

"$here/scripts/require.sh" python3 venv
echo "making $dir (once)" >&2
rm -rf "$dir"
python3 -m venv "$dir"
pip() { "$dir/bin/python" -m pip --disable-pip-version-check --quiet install "$@"; }
pip -r "$requirements" || {
	echo "stoker: the packages of $requirements could not be installed" >&2
	echo "hint: is PyPI reachable? try: $dir/bin/python -m pip install -r $requirements" >&2
	exit 1
}
if [ -n "$optional" ] && ! pip -r "$optional"; then
	echo "stoker: the packages of $optional could not be installed; going on without them" >&2
fi
echo "$here/python/src" >"$("$dir/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/stoker-source.pth"
echo "$sum" >"$dir/installed"
