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

# said PATTERN UNIT...: the lines that sed finds in what units there are.
said() {
    pattern=$1
    shift
    cat "$@" 2>/dev/null | sed -n "$pattern"
}
PREFIX_OF_UNIT='s|^ExecStart=\(.*\)/bin/kws-app .*|\1|p'

# The programs lie in one of two slots, $prefix.a and $prefix.b, and $prefix is a link to it. Whatever else is there is
# not ours, and neither are other folders of these names: a unit that somebody wrote may say /usr/local.
is_our_link() { case $(readlink "$1") in "$1.a" | "$1.b") ;; *) false ;; esac }
is_slot() { [ -e "$1/pyvenv.cfg" ]; }
is_empty() { [ -z "$(ls -A "$1" 2>/dev/null)" ]; }
