#!/bin/sh
# Install kws-app from this checkout as a service, or bring an installation up to this checkout; run it as root.
#
#   --dry-run      print what would change, and change nothing
#   --prefix DIR   where the programs lie (/opt/kws-app)
#   --user NAME    whom the service runs as (kws-app); one who is not there is made
#   --open NAME    widen the sandbox by systemd/open/NAME.conf; may be repeated
#   --desktop      a unit for the sessions of desktops, where PipeWire or PulseAudio owns the microphone
#
# What an installation was given holds for its upgrades, too. PYTHON=/usr/bin/python3.12 names the interpreter. Whatever
# fails, everything is again as it was before.
set -eu
umask 022 # or the service's user could not read what root installs
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(dirname "$here")
. "$here/common.sh"
. "$here/platform.sh"

prefix='' user='' openings='' is_desktop='' is_dry='' undoing='' is_stopped=''

main() {
    take_options "$@"
    look_at_what_is_installed
    judge_platform
    judge_options
    begin
    install_packages
    [ -n "$is_desktop" ] || make_user
    install_programs
    install_config
    install_unit
    switch_programs
    start
    end
}

take_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) is_dry=yes ;;
            --desktop) is_desktop=yes ;;
            --prefix | --user | --open)
                [ -n "${2-}" ] || fail "$1 needs a value"
                case $1 in
                    --prefix) prefix=$2 ;;
                    --user) user=$2 ;;
                    --open) openings="$openings $2" ;;
                esac
                shift
                ;;
            -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit ;;
            *) fail "$1: no such option; see --help" ;;
        esac
        shift
    done
}

# An upgrade goes where the programs are; the service stays whose it is, and what was opened stays open.
look_at_what_is_installed() {
    unit=$SYSTEM_UNIT template=$here/kws-app.service
    [ -z "$is_desktop" ] || unit=$USER_UNIT template=$here/user/kws-app.service
    installed=$(said "$PREFIX_OF_UNIT" "$unit") whose=$(said 's/^User=//p' "$unit")
    is_our_link "$installed" || installed='' whose=''
    prefix=${prefix:-${installed:-/opt/kws-app}} user=${user:-${whose:-kws-app}}
    [ -n "$installed" ] && [ -z "$is_desktop" ] || return 0
    # What was opened before is written anew, too: it may name another user, or be another version's.
    for opening in $(cd "$here/open" && echo *.conf); do
        [ ! -e "$unit.d/$opening" ] || openings="$openings ${opening%.conf}"
    done
    openings=$(printf '%s\n' $openings | sort -u)
}

judge_options() {
    judge_prefix
    case $user in
        root) fail "--user root: a program that listens to everybody is no business of root's" ;;
        *[!a-z0-9_-]* | [!a-z_]*) fail "--user '$user': must be of small letters, digits, _ -" ;;
    esac
    [ ${#user} -le 32 ] || fail "--user $user: must be of 32 letters at most"
    for opening in $openings; do
        [ -z "$is_desktop" ] || fail "--open $opening: is for the system's service, and a session's has no such walls"
        [ -e "$here/open/$opening.conf" ] ||
            fail "--open $opening: there is no such one; there are" $(cd "$here/open" && echo *.conf | sed 's/\.conf//g')
    done
    [ "$(id -u)" -eq 0 ] || [ -n "$is_dry" ] || fail "needs root: sudo $0"
}

# What lies there is replaced, so that it must not be anybody else's.
judge_prefix() {
    case $prefix in
        *[!A-Za-z0-9._/-]* | [!/]* | / | */ | *//* | */.*)
            fail "--prefix '$prefix': must be a path from / of letters, digits, . _ -, and plain" ;;
        *.a | *.b | *.previous) fail "--prefix $prefix: must not end like the folders that lie beside it" ;;
        /home/* | /root?* | /run/* | /tmp/* | /var/tmp/*)
            [ -n "$is_desktop" ] || fail "--prefix $prefix: services do not see what lies there" ;;
    esac
    is_our_link "$prefix" || is_empty "$prefix" || { is_slot "$prefix" && [ -e "$prefix/bin/kws-app" ]; } ||
        fail "--prefix $prefix: something else is there; name a folder that is kws-app's alone, such as $prefix/kws-app"
    for slot in "$prefix.a" "$prefix.b" "$prefix.previous"; do
        is_empty "$slot" || is_slot "$slot" || fail "--prefix $prefix: its programs would lie in $slot, which is not ours"
    done
}

begin() {
    exec 9<"$here/install.sh"
    [ -n "$is_dry" ] || flock --nonblock 9 || fail "another installation from this checkout is under way"
    scratch=$(mktemp -d)
    trap undo EXIT
    trap 'exit 1' HUP INT TERM
    heard=''
    ! is_booted || ! systemctl --quiet is-active kws-app || heard=yes
}

install_packages() {
    needed=''
    "$python" -c 'import ensurepip, venv' 2>/dev/null || needed=python3-venv
    if is_debians "$python"; then
        needed="$needed python3-pyaudio"
    else
        say "$python is not Debian's, and PyAudio has no wheel: it is compiled"
        needed="$needed gcc libc6-dev portaudio19-dev"
    fi
    # The way from PortAudio to a sound server.
    [ -z "$is_desktop" ] || is_installed pipewire-alsa || needed="$needed libasound2-plugins"
    missing=''
    for package in $needed; do is_installed "$package" || missing="$missing $package"; done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || fail "needs Debian's packages$missing, and there is no apt-get: install their like"
    change apt_get update || say "apt-get update failed; trying with the lists there are"
    change apt_get install --yes --no-install-recommends $missing || fail "apt-get could not install$missing"
}

apt_get() { env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }

is_installed() { dpkg-query --show --showformat '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'; }

is_debians() {
    command -v dpkg-query >/dev/null && [ "$(readlink -f "$1")" = "$(readlink -f /usr/bin/python3)" ]
}

make_user() {
    ! id "$user" >/dev/null 2>&1 || return 0
    on_failure userdel "$user"
    change useradd --system --user-group --groups audio --home-dir "$STATE" --no-create-home \
        --shell /usr/sbin/nologin "$user"
}

# Two slots take turns behind the link at $prefix: what runs stays whole until what is new has proved good.
install_programs() {
    slot=$prefix.a
    [ "$(readlink "$prefix")" != "$slot" ] || slot=$prefix.b
    on_failure rm -rf "$slot"
    say "installing Python packages into $slot"
    change "$python" -m venv --clear "$slot"
    pins=$checkout/scripts/constraints.txt
    if is_debians "$python"; then
        change link_pyaudio "$slot"
        change unpin_pyaudio "$pins" "$scratch/constraints.txt"
        pins=$scratch/constraints.txt
    fi
    # pip builds in the folder that it is given: in a copy, so that root leaves nothing in the checkout.
    change mkdir "$scratch/source"
    for part in kws_app models setup.py setup.cfg README.md LICENSE; do
        change cp -R "$checkout/$part" "$scratch/source"
    done
    pip_install pip setuptools
    pip_install --no-build-isolation "$scratch/source"
    change "$here/probe.sh" "$slot/bin/python"
}

pip_install() {
    change "$slot/bin/python" -m pip install -qq --disable-pip-version-check --root-user-action ignore \
        --constraint "$pins" "$@" || fail "pip could not install $*"
}

# That one package alone: the rest of Debian's is older than what was tested, and changes under us.
link_pyaudio() {
    for part in "$DEBIANS_PYTHON"/pyaudio "$DEBIANS_PYTHON"/[Pp]y[Aa]udio-*; do
        ln -s "$part" "$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    done
}

# Debian's PyAudio is another version than the one that pip would compile.
unpin_pyaudio() { grep -v '^PyAudio==' "$1" >"$2"; }

install_config() {
    if [ -e "$CONFIG/config.yaml" ]; then
        say "keeping $CONFIG/config.yaml"
    else
        [ -d "$CONFIG" ] || on_failure rmdir "$CONFIG"
        on_failure rm -f "$CONFIG/config.yaml"
        change install -D -m 644 "$checkout/config.yaml" "$CONFIG/config.yaml"
    fi
    # As the service, not as root, who may read everything.
    [ -n "$is_desktop" ] || change runuser -u "$user" -- "$slot/bin/kws-app" check -c "$CONFIG/config.yaml" ||
        fail "this version cannot use $CONFIG/config.yaml: see above"
}

install_unit() {
    on_failure reload_systemd
    write "$template" "$unit"
    for opening in $openings; do write "$here/open/$opening.conf" "$unit.d/$opening.conf"; done
    keep "$COMMAND"
    change ln -sfn "$prefix/bin/kws-app" "$COMMAND"
}

write() {
    keep "$2"
    on_failure rm -f "$2.new"
    change fill_in "$1" "$2"
}

# The template $1 as the file $2, with this installation's prefix and user; a session's unit names no user. The file is
# there whole or as it was: disks are full, and plugs are pulled.
fill_in() {
    mkdir -p "$(dirname "$2")"
    number=$(id -u "$user" 2>/dev/null) group=$(id -gn "$user" 2>/dev/null) || [ -n "$is_desktop" ]
    sed -e "s|/opt/kws-app|$prefix|g" -e "s|^User=.*|User=$user|" -e "s|^Group=.*|Group=$group|" -e "s|@UID@|$number|g" \
        "$1" >"$2.new" && mv "$2.new" "$2"
}

switch_programs() {
    previous=''
    if [ -L "$prefix" ]; then
        previous=$(readlink "$prefix")
        on_failure ln -sfn "$previous" "$prefix"
        change rm "$prefix"
    elif [ -e "$prefix" ]; then
        previous=$prefix.previous
        on_failure mv -T "$previous" "$prefix"
        change mv -T "$prefix" "$previous"
    fi
    on_failure rm -f "$prefix"
    change ln -s "$slot" "$prefix"
}

start() {
    change reload_systemd
    if [ -n "$is_desktop" ]; then
        verdict="installed; in a session: systemctl --user enable --now kws-app"
        return
    fi
    systemctl --quiet is-enabled kws-app 2>/dev/null || on_failure systemctl --quiet disable --now kws-app
    change systemctl --quiet enable kws-app
    if ! is_booted; then
        verdict="installed; it starts with the system"
        return
    fi
    is_stopped=$heard
    if change systemctl restart kws-app; then
        verdict="installed, and it listens; see kws-app status, and $CONFIG/config.yaml for the settings"
    elif [ -n "$heard" ]; then
        last_words
        fail "the new version does not hear, and the old one did"
    else
        last_words
        verdict="installed, but it does not hear yet: see above; it goes on trying"
    fi
}

last_words() { journalctl --quiet --unit kws-app --lines 10 --output cat --no-pager >&2 || true; }

end() {
    trap - EXIT
    rm -rf "$scratch"
    [ -z "$previous" ] || change rm -rf "$previous"
    remove_installed
    [ -z "$is_dry" ] || verdict="a dry run: nothing was changed"
    say "$verdict"
}

# The programs before, if they lay elsewhere and no unit starts them any more.
remove_installed() {
    [ -n "$installed" ] && [ "$installed" != "$prefix" ] || return 0
    if [ -z "$is_dry" ] && said "$PREFIX_OF_UNIT" "$SYSTEM_UNIT" "$USER_UNIT" | grep -qx "$installed"; then return; fi
    change rm -rf "$installed" "$installed.a" "$installed.b"
}

# keep FILE: if the installation fails, have it back, or away.
keep() {
    if [ -e "$1" ] || [ -L "$1" ]; then
        copy=$scratch/$(echo "$1" | tr / _)
        cp -P "$1" "$copy"
        on_failure mv -T "$copy" "$1"
    else
        on_failure rm -f "$1"
    fi
}

# on_failure COMMAND...: what undoes the change that comes next; the last one first.
on_failure() {
    [ -n "$is_dry" ] || undoing="$*
$undoing"
}

undo() {
    status=$?
    trap - EXIT
    set +e
    if [ -n "$undoing" ]; then
        say "failed; undoing it"
        # Not by way of a file: a full disk may be why it failed.
        printf '%s\n' "$undoing" | while read -r line; do $line </dev/null; done
        [ -z "$is_stopped" ] || systemctl restart kws-app
    fi
    rm -rf "$scratch"
    exit "$status"
}

main "$@"; exit # and read no more, whatever becomes of this file meanwhile
