#!/bin/sh
# Remove what systemd/install.sh installed; run it as root. Debian's packages stay, as others may use them.
#
#   --dry-run   print what would change, and change nothing
#   --purge     remove the configuration, the state and the service's user, too
set -eu
. "$(dirname "$0")/common.sh"

is_dry='' is_purge=''

main() {
    for option; do
        case $option in
            --dry-run) is_dry=yes ;;
            --purge) is_purge=yes ;;
            -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit ;;
            *) fail "$option: no such option; see --help" ;;
        esac
    done
    [ "$(id -u)" -eq 0 ] || [ -n "$is_dry" ] || fail "needs root: sudo $0"
    prefixes=$(said "$PREFIX_OF_UNIT" "$SYSTEM_UNIT" "$USER_UNIT")
    remove_units
    for prefix in ${prefixes:-/opt/kws-app}; do remove_programs; done
    [ -z "$is_purge" ] || purge
    if [ -n "$is_dry" ]; then
        say "a dry run: nothing was changed"
        return
    fi
    kept=$(left | paste -sd, | sed "s/,/, /g")
    say "uninstalled${kept:+, but for $kept (--purge removes them, too)}"
}

remove_units() {
    if [ -e "$SYSTEM_UNIT" ] && is_booted; then
        change systemctl --quiet disable --now kws-app
        ! systemctl --quiet is-failed kws-app || change systemctl reset-failed kws-app
    fi
    [ ! -e "$USER_UNIT" ] || say "sessions that use it: systemctl --user disable --now kws-app"
    for unit in "$SYSTEM_UNIT" "$USER_UNIT"; do
        remove "$unit"
        for opening in "$(dirname "$0")"/open/*.conf; do remove "$unit.d/$(basename "$opening")"; done
    done
    # One that was installed while systemd did not run
    remove /etc/systemd/system/multi-user.target.wants/kws-app.service
    [ -z "$is_purge" ] || remove "$SYSTEM_UNIT.d" "$USER_UNIT.d"
    # Stays while something of the user's own is in it
    [ -n "$is_dry" ] || rmdir "$SYSTEM_UNIT.d" 2>/dev/null || true
    change reload_systemd
}

remove_programs() {
    [ "$(readlink "$COMMAND")" != "$prefix/bin/kws-app" ] || remove "$COMMAND"
    ! is_our_link "$prefix" || remove "$prefix"
    for slot in "$prefix.a" "$prefix.b" "$prefix.previous"; do ! is_slot "$slot" || remove "$slot"; done
}

purge() {
    remove "$CONFIG" "$STATE"
    for user in $(users); do change userdel "$user"; done
}

# Those whom install.sh made; whoever lives elsewhere was there before.
users() { getent passwd | sed -n "s|^\([^:]*\):.*:$STATE:[^:]*$|\1|p"; }

left() {
    for path in "$CONFIG" "$STATE"; do [ ! -e "$path" ] || echo "$path"; done
    for user in $(users); do echo "the user $user"; done
}

remove() {
    for path; do
        { [ ! -e "$path" ] && [ ! -L "$path" ]; } || change rm -rf "$path"
    done
}

main "$@"; exit # and read no more, whatever becomes of this file meanwhile
