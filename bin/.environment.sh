# shellcheck shell=sh
# Sourced by the launchers beside it, which set `landex_launcher` to their own file. Sets `landex_venv` and
# `landex_python`, and makes .venv first where it is missing, half-made or of another lock. LANDEX_PYTHON names the
# Python to make it of; LANDEX_GPU=1 asks for CUDA, 0 refuses it. Variables have a prefix, because one that the caller
# had exported would otherwise reach the tool changed.

landex_root=$(CDPATH='' cd -P -- "$(dirname -- "${landex_launcher:?}")/.." && pwd)
landex_venv=$landex_root/.venv
landex_python=$landex_venv/bin/python
landex_former=$landex_root/.venv.former
landex_log=$landex_root/.venv.log
landex_driver=/proc/driver/nvidia/version

say() { printf 'landex: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# A .venv gets its copy of the lock last, under the lock's name: one that holds it is whole, and shows whether it has CUDA
# even after the locks have changed. Where the Python that it was made of is gone, its link dangles.
is_whole() { [ -x "$landex_python" ] && cmp -s "$landex_root/$1" "$landex_venv/$1"; }
has_cuda() { [ -e "$landex_venv/requirements-gpu.lock" ]; }

# Linux inside Windows shows its driver by this command alone.
has_driver() { [ -e "$landex_driver" ] || nvidia-smi >/dev/null 2>&1; }
can_have_cuda() { [ "$(uname -sm)" = "Linux x86_64" ]; }

# Sets the lock that .venv should be made of, the other one, and the reason where there is a choice. A cluster's nodes
# share .venv and few have a driver: CUDA serves them all, so that one without a driver never takes it away.
choose_lock() {
    landex_lock=requirements-gpu.lock landex_other=requirements.lock
    case ${LANDEX_GPU:-} in
    1)
        landex_why="LANDEX_GPU=1 asks for it"
        can_have_cuda || fail "LANDEX_GPU=1 asks for CUDA, and TensorFlow has it on Linux x86_64 alone; unset it"
        ;;
    0) landex_why="LANDEX_GPU=0 refuses it" landex_lock=requirements.lock landex_other=requirements-gpu.lock ;;
    '')
        if has_cuda; then landex_why="it had CUDA before, and LANDEX_GPU is not 0"
        elif has_driver && can_have_cuda; then landex_why="there is an NVIDIA driver, and LANDEX_GPU is not 0"
        else landex_why='' landex_lock=requirements.lock landex_other=requirements-gpu.lock; fi
        ;;
    *) fail "LANDEX_GPU=$LANDEX_GPU has no meaning; set it to 1 (with CUDA) or 0 (without), or unset it" ;;
    esac
}

# A job of Snakemake inherits LANDEX_WITHIN from the launcher that started the workflow; a launcher of the user's own call
# on another node sees the workflow's lock.
is_in_use() {
    [ "${LANDEX_WITHIN:-}" = "$landex_root" ] && return
    for landex_held in "$landex_root"/.snakemake/locks/*; do
        [ -e "$landex_held" ] || return
        say ".venv stays as it is: a workflow runs here, or was killed and waits for snakemake --unlock"
        return
    done
}

# Whether .venv can be used as it is. This runs on every call and starts no Python.
in_order() {
    choose_lock
    is_whole "$landex_lock" && return
    is_whole "$landex_other" || return
    # An installation that is shared with others and not theirs to write goes on as it is.
    is_in_use || { [ -z "${LANDEX_GPU:-}" ] && [ ! -w "$landex_root" ]; }
}

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

# Both install a copy of the lock, which may be edited meanwhile, and write bytecode whatever the caller's
# settings: it saves every job 10 s of compiling TensorFlow. Where .venv is a link, only the link is removed.
install_with_uv() {
    step rm -rf "$landex_venv" && step uv venv --python "$landex_base" "$landex_venv" &&
        step cp "$landex_root/$landex_lock" "$landex_venv/installing.lock" &&
        step uv pip install --python "$landex_python" --require-hashes --compile-bytecode \
            -r "$landex_venv/installing.lock"
}

install_with_pip() {
    step rm -rf "$landex_venv" && step "$landex_base" -m venv "$landex_venv" &&
        step cp "$landex_root/$landex_lock" "$landex_venv/installing.lock" &&
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
        set -- "the disk is full and .venv takes $landex_size; make room and call again"
    elif hash_differs; then
        set -- "a download has not the hash that $landex_lock gives; call again or use another package index"
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

announce() {
    case $landex_lock in
    requirements-gpu.lock) landex_size='7 GB' landex_with=" with CUDA: $landex_why" landex_time='7 GB, about 5 minutes' ;;
    *) landex_size='2.5 GB' landex_with=${landex_why:+" without CUDA: $landex_why"} landex_time='about 3 minutes' ;;
    esac
    say "making .venv$landex_with (once, $landex_time) ..."
}

# A node without network must not lose the .venv that it has to the attempt at one with CUDA, nor to a kill meanwhile.
put_back() {
    [ -e "$landex_former" ] || [ -L "$landex_former" ] || return
    rm -rf "$landex_venv"
    mv "$landex_former" "$landex_venv"
}

go_back() {
    put_back || return
    case $landex_lock in
    requirements-gpu.lock) say ".venv is what it was before, without CUDA; LANDEX_GPU=0 keeps it so" ;;
    *) say ".venv is what it was before, with CUDA; unset LANDEX_GPU to keep it so" ;;
    esac
}

make_environment() {
    trap 'stop 129' HUP
    trap 'stop 130' INT
    trap 'stop 143' TERM
    landex_base=$(find_python) || exit 1
    lock
    put_back
    in_order && return
    announce
    : >"$landex_log"
    trap go_back EXIT
    if is_whole "$landex_other"; then mv "$landex_venv" "$landex_former"; fi
    install
    mv "$landex_venv/installing.lock" "$landex_venv/$landex_lock"
    trap - EXIT HUP INT TERM
    rm -rf "$landex_former"
}

if ! in_order; then
    [ -w "$landex_root" ] || fail "$landex_root cannot be written, and .venv is made there"
    make_environment 9>>"$landex_root/.venv.lock"
    trap - HUP INT TERM
fi
export LANDEX_WITHIN="$landex_root"
