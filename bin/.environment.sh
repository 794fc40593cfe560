# shellcheck shell=sh
# Sourced by the launchers beside it, which set `landex_launcher` to their own file. Sets `landex_venv` and
# `landex_python`, and makes .venv first where it is missing, half-made or of another requirements.lock.
# LANDEX_PYTHON names the Python to make it of. Variables have a prefix, because one that the caller had
# exported would otherwise reach the tool changed.

landex_root=$(CDPATH='' cd -P -- "$(dirname -- "${landex_launcher:?}")/.." && pwd)
landex_venv=$landex_root/.venv
landex_python=$landex_venv/bin/python
landex_log=$landex_root/.venv.log

say() { printf 'landex: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# A .venv gets its copy of requirements.lock last, so one that holds it is whole; where the Python that it was
# made of is gone, its link dangles. This runs on every call and starts no Python.
in_order() { [ -x "$landex_python" ] && cmp -s "$landex_root/requirements.lock" "$landex_venv/requirements.lock"; }

# Prints the real file of the first Python that fits: a link such as python3 may mean another version one day.
# TensorFlow 2.21 has wheels for Python 3.10 to 3.13, and anndata needs 3.11.
find_python() (
    if [ -n "${LANDEX_PYTHON:-}" ]; then
        set -- "$LANDEX_PYTHON"
        found_so_far="LANDEX_PYTHON=$LANDEX_PYTHON does not run"
    else
        set -- python3.13 python3.12 python3.11 python3 python \
            "$(uv python find --system --no-project '>=3.11,<3.14' 2>/dev/null)"
        found_so_far="there is no Python here"
    fi
    for candidate; do
        found=$("$candidate" -c 'import os, sys
base = getattr(sys, "_base_executable", None) or sys.executable
print("%d.%d.%d %s" % (sys.version_info[:3] + (os.path.realpath(base),)))' 2>/dev/null) || continue
        case $found in
        3.11.* | 3.12.* | 3.13.*) echo "${found#* }" && exit ;;
        *) found_so_far="$candidate is Python ${found%% *}" ;;
        esac
    done
    fail "$found_so_far; install Python 3.11, 3.12 or 3.13, or set LANDEX_PYTHON to the path of one"
)

# Runs a step with its output in the log, and so that `stop` can end it: a shell heeds no signal while a command
# runs in its foreground.
step() {
    PIP_USER=0 "$@" >>"$landex_log" 2>&1 &
    landex_step=$!
    wait "$landex_step"
}

stop() {
    kill "$landex_step" 2>/dev/null && wait "$landex_step" 2>/dev/null
    say "stopped; the next call makes .venv anew"
    exit "$1"
}

# Locks the file behind descriptor 9. The kernel lets go of it when the launcher and its step have ended, in
# whatever way, so there is no stale lock to tell from a live one. macOS has no flock command; Python has.
lock() {
    set -- "$landex_base" -c 'import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | (fcntl.LOCK_NB if "at once" in sys.argv else 0))
except BlockingIOError:
    sys.exit(1)
except OSError:
    pass  # a file system without locks'
    step "$@" "at once" && return
    say "waiting for another launcher, which makes .venv ..."
    step "$@"
}

# Both install a copy of requirements.lock, which may be edited meanwhile, and write bytecode whatever the caller's
# settings: it saves every job 10 s of compiling TensorFlow. Where .venv is a link, only the link is removed.
install_with_uv() {
    step rm -rf "$landex_venv" && step uv venv --python "$landex_base" "$landex_venv" &&
        step cp "$landex_root/requirements.lock" "$landex_venv/installing.lock" &&
        step uv pip install --python "$landex_python" --require-hashes --compile-bytecode \
            -r "$landex_venv/installing.lock"
}

install_with_pip() {
    step rm -rf "$landex_venv" && step "$landex_base" -m venv "$landex_venv" &&
        step cp "$landex_root/requirements.lock" "$landex_venv/installing.lock" &&
        step "$landex_python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
            --require-hashes --compile -r "$landex_venv/installing.lock"
}

logged() { grep -qiE "$1" "$landex_log"; }
disk_is_full() { logged 'no space left|quota exceeded'; }
hash_differs() { logged 'hash mismatch|do not match the hashes'; }
index_is_out_of_reach() { logged \
    'connection ?(error|refused|reset|broken)|time(d )?out|(resolution|proxy|dns) ?error|error sending request'; }

give_up() {
    if disk_is_full; then
        set -- "the disk is full and .venv takes 2.5 GB; make room and call again"
    elif hash_differs; then
        set -- "a download has not the hash that requirements.lock gives; call again or use another package index"
    elif index_is_out_of_reach; then
        set -- "the package index is out of reach; check network, proxy and pip's settings, and call again"
    else
        set -- "the installation failed: $({ grep -iE 'error|failed' "$landex_log" || cat "$landex_log"; } | tail -n 1)"
    fi
    fail "$1 (see $landex_log)"
}

# Pip goes after uv even where no index was reached: uv reads no pip.conf, and a mirror may be set there.
install() {
    "$landex_base" -c 'import ensurepip, venv' 2>/dev/null && landex_venv_module=yes || landex_venv_module=no
    if command -v uv >/dev/null; then
        install_with_uv && return
        if disk_is_full || hash_differs; then give_up; fi
        if index_is_out_of_reach; then [ "$landex_venv_module" = yes ] || give_up
        else say "uv failed (see $landex_log): trying pip"; fi
    fi
    [ "$landex_venv_module" = yes ] ||
        fail "$landex_base has no venv module; install it (Debian: apt-get install python3-venv), or install uv"
    install_with_pip || give_up
}

make_environment() {
    trap 'stop 129' HUP
    trap 'stop 130' INT
    trap 'stop 143' TERM
    landex_base=$(find_python) || exit 1
    lock
    in_order && return
    say "making .venv (once, about 3 minutes) ..."
    : >"$landex_log"
    install
    mv "$landex_venv/installing.lock" "$landex_venv/requirements.lock"
}

if ! in_order; then
    [ -w "$landex_root" ] || fail "$landex_root cannot be written, and .venv is made there"
    make_environment 9>>"$landex_root/.venv.lock"
    trap - HUP INT TERM
fi
