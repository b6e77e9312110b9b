#!/bin/sh
# Make the environment, or bring it up to date:  sh book/_tools/venv.sh FOLDER [PYTHON]
set -eu
venv=$1
wanted=${2:-}

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

in_range() { # the range of requires-python in pyproject.toml
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1
}

find_python() {
    for python in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if in_range "$python"; then
            command -v "$python"
            return
        fi
    done
    return 1
}

command -v git >/dev/null 2>&1 || stop "Git is missing: please install git, then run make again."

if ! in_range "$venv/bin/python"; then
    if [ -n "$wanted" ]; then
        python=$wanted
        in_range "$python" || stop "PYTHON=$python is not a Python 3.11 to 3.14: please name one that is."
    else
        python=$(find_python) || stop "Python 3.11 to 3.14 is missing: please install one of them, or name it with make PYTHON=/path/to/python3."
    fi
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        stop "Python's venv module is missing: please install it (Debian and Ubuntu: apt install python3-venv)."
    echo "Making the environment $venv: about 160 MB to download and 750 MB on disk, one to five minutes."
    "$python" -m venv --clear "$venv"
    # one BLAS thread: the matrices are small, and threads that wait for busy cores cost much time
    printf '\nexport OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}" OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"\n' \
        >>"$venv/bin/activate"
else
    echo "Bringing the environment $venv up to date."
fi

PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -m pip install -qq -c constraints.txt -e '.[book,test]' ||
    stop "The installation stopped with the error above; make tries again next time."
