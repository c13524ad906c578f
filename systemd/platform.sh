# Whether this machine can run kws-app, and with which Python; one that cannot is refused in one sentence. Read by
# install.sh, not run.

judge_platform() {
    remedy='install the 64-bit system, such as Raspberry Pi OS (64-bit)'
    machine=$(uname -m)
    case $machine in
        x86_64 | aarch64) ;;
        armv6l) fail "this processor ($machine) is a 32-bit one, for which there is no ONNX Runtime: take a newer board," \
            "such as a Pi Zero 2 W" ;;
        armv[78]l | i?86) fail "this is a 32-bit system ($machine), for which there is no ONNX Runtime: $remedy" ;;
        *) fail "this processor ($machine) is one for which there is no ONNX Runtime: take one of x86_64 or aarch64" ;;
    esac
    [ "$(getconf LONG_BIT)" = 64 ] ||
        fail "this is a 32-bit system on a 64-bit processor, and there is no ONNX Runtime for it: $remedy"
    find_python
    command -v systemctl >/dev/null || fail "this system has no systemd: README.md says how kws-app runs without"
}

# The interpreter: of an age that was tested, and where the service can see it.
find_python() {
    found=''
    for python in ${PYTHON:-$(pythons_on_path)}; do
        facts=$("$python" -c "$ABOUT_PYTHON" 2>/dev/null) || continue
        found="$found; $python is ${facts% *}"
        case $facts in
            3.1[123].*' /home'/* | 3.1[123].*' /root'/*)
                [ -z "$is_desktop" ] || return 0
                found="$found, in a home, which services do not see"
                ;;
            3.1[123].*) return ;;
        esac
    done
    fail "needs Python 3.11, 3.12 or 3.13, as Debian 12 and 13 have it$found"
}

ABOUT_PYTHON='import sys; print("%d.%d.%d" % sys.version_info[:3], sys.base_prefix + "/")'

pythons_on_path() {
    for folder in $(echo "$PATH" | tr : ' '); do
        for name in python3 python3.13 python3.12 python3.11; do
            [ ! -x "$folder/$name" ] || echo "$folder/$name"
        done
    done
}
