#!/bin/sh
# Install kws-app from this checkout into a virtual environment; what is there already stays as it is.
#
#   scripts/setup.sh VENV                 what the daemon needs
#   scripts/setup.sh VENV dev,training    and what the tests, the checks and kws-train need
#
# PYTHON=/path/to/python chooses the interpreter. As root, or with sudo that asks nothing, Debian packages that are
# missing are installed; otherwise one line says which.
set -eu
cd "$(dirname "$0")/.."

main() {
    venv=$1 extras=${2:-}
    has_debian_packages || exit 1
    python=$(find_python) || fail "needs Python 3.11, 3.12 or 3.13: install one, or name it: PYTHON=/path/to/python3.12"
    runs "$venv/bin/python" || "$python" -m venv --clear "$venv"
    say "installing Python packages into $venv"
    # The build tools are pinned too: PyAudio has no wheel for Linux and is compiled here.
    pip_install pip setuptools
    pip_install --no-build-isolation --editable ".${extras:+[$extras]}"
    touch "$venv/.installed" "$venv/.installed${extras:+-$extras}"
}

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

pip_install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --constraint scripts/constraints.txt "$@"
}

runs() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 /usr/bin/python3}; do
        if runs "$candidate"; then command -v "$candidate" && return; fi
    done
    return 1
}

has_debian_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian system: PyAudio is compiled and needs gcc and the headers of PortAudio and Python"
        return
    fi
    needed=$(missing $(packages_to_build))
    wanted=
    case $extras in *dev*) wanted=$(missing $(packages_of_tests)) ;; esac
    [ -n "$needed$wanted" ] || return 0
    install_packages $needed $wanted && return
    [ -z "$wanted" ] || say "tests that need them are skipped; for all tests: sudo apt-get install$wanted" >&2
    [ -z "$needed" ] || say "cannot go on without these: sudo apt-get install$needed" >&2
    [ -z "$needed" ]
}

packages_of_tests() {
    echo espeak-ng flite libasound2-plugins pulseaudio pulseaudio-utils strace systemd-container systemd-sysv
}

packages_to_build() {
    printf 'gcc libc6-dev portaudio19-dev'
    # Only Debian's own Python keeps its headers and venv in packages of their own.
    python=$(find_python) || { printf ' python3 python3-dev python3-venv'; return; }
    "$python" - <<'PYTHON'
import importlib.util, pathlib, sysconfig
print("" if pathlib.Path(sysconfig.get_path("include"), "Python.h").exists() else " python3-dev", end="")
print("" if importlib.util.find_spec("ensurepip") else " python3-venv", end="")
PYTHON
}

missing() {
    for package; do
        dpkg-query --show --showformat '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' ||
            printf ' %s' "$package"
    done
}

install_packages() {
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        return 1
    fi
    say "installing Debian packages: $*"
    apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"
    $apt update || say "apt-get update failed; trying with the lists there are" >&2
    $apt install --yes --no-install-recommends "$@" >/dev/null
}

main "$@"
