# What install.sh and uninstall.sh share: where things are, and a word before every change. Read by both, not run.

SYSTEM_UNIT=/etc/systemd/system/kws-app.service
USER_UNIT=/etc/systemd/user/kws-app.service
CONFIG=/etc/kws-app
STATE=/var/lib/kws-app
COMMAND=/usr/local/bin/kws-app
DEBIANS_PYTHON=/usr/lib/python3/dist-packages

say() { printf 'kws-app: %s\n' "$*"; }
fail() {
    say "$*" >&2
    exit 1
}

# change COMMAND...: say it and, unless this is a dry run, do it.
change() {
    printf '  %s\n' "$*"
    [ -n "$is_dry" ] || "$@"
}

is_booted() { [ -d /run/systemd/system ]; }
reload_systemd() { ! is_booted || systemctl daemon-reload; }
