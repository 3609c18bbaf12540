#!/bin/sh
# set_up.sh PYTHON VENV TORCH: makes the virtual environment VENV with TORCH, this package (editable)
# and the tools of its tests; nothing is done where that already stands. With an empty VENV only
# checks that PYTHON has what a build needs.
set -eu
cd "$(dirname "$0")/.."
python=$1 venv=$2 torch=$3

fail() {
    echo "set-up: $1" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    fail "no $python on the PATH: install Python 3.10 or newer, or name one with PYTHON=..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$("$python" --version 2>&1) is too old: Python 3.10 or newer is needed (PYTHON=...)"
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
[ -f "$headers/Python.h" ] ||
    fail "no $headers/Python.h: install Python's headers (Debian, Ubuntu: apt install python3-dev;
        Fedora: dnf install python3-devel)"
compiler=${CXX:-c++}
command -v "${compiler%% *}" >/dev/null 2>&1 ||
    fail "no C++ compiler ($compiler): install one (Debian, Ubuntu: apt install g++;
        Fedora: dnf install gcc-c++), or name one with CXX=..."

if [ -z "$venv" ]; then
    missing=$("$python" - <<'END'
from importlib.util import find_spec
from shutil import which
names = ["torch", "numpy", "scipy", "sklearn", "typer", "safetensors", "setuptools", "pybind11",
         "pytest", "hypothesis", "mpmath"] + ["ninja"] * (which("ninja") is None)
print(*(name for name in names if not find_spec(name)))
END
    )
    [ -z "$missing" ] || fail "$python lacks: $missing (an empty VENV installs nothing)"
    exit 0
fi

stamp=$venv/.ntm_fast
key="$torch $(cksum <pyproject.toml) $(cksum <setup.py)"
[ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && exit 0

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv "$venv"
    elif "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv --quiet "$venv"
    elif command -v virtualenv >/dev/null 2>&1; then
        virtualenv --quiet --python "$python" "$venv"
    else
        fail "$python has neither venv nor virtualenv (Debian, Ubuntu: apt install python3-venv;
        or: $python -m pip install virtualenv)"
    fi
fi
rm -f "$stamp"
install() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
echo "set-up: installing $torch into $venv"
install $torch
# The build's own tools go in first, and isolation is off, so that the torch above is built against.
install $(sed -n 's/^requires = \[\(.*\)\]$/\1/p' pyproject.toml | tr -d '",')
echo "set-up: building ntm_fast"
install --no-build-isolation --editable ".[test,lint]"
echo "$key" >"$stamp"
