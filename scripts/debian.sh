# A fresh Debian 12 in the folder $root, for scripts that try kws-app as a stranger would install it: with nothing of this
# machine's but its network. Read by them, not run; needs root and debootstrap.

checkout=$(cd "$(dirname "$0")/.." && pwd)

# make_debian ARCHITECTURE PACKAGE,...: one that was made before is used again, one that was cut short is gone on with.
make_debian() {
    [ -e "$root/debootstrap" ] || [ ! -e "$root/var/log/bootstrap.log" ] || return 0
    [ -e "$root/debootstrap/debootstrap" ] ||
        again debootstrap --arch="$1" --foreign --variant=minbase --include="$2" bookworm "$root" \
            "${MIRROR:-http://deb.debian.org/debian}"
    chroot "$root" /debootstrap/debootstrap --second-stage
}

# again COMMAND...: up to three times, as mirrors and networks have their moments.
again() { "$@" || { sleep 10 && "$@"; } || { sleep 60 && "$@"; }; }

# Mount what programs need, and put this checkout's last commit into /opt/checkout.
enter_debian() {
    trap 'umount --lazy "$root/proc" "$root/dev"' EXIT
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # A network may stand behind a proxy that has its own certificates.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    echo 'Acquire::Retries "5";' >"$root/etc/apt/apt.conf.d/80retries"
    rm -rf "$root/opt/checkout"
    mkdir -p "$root/opt/checkout"
    git -C "$checkout" archive HEAD | tar -x -C "$root/opt/checkout"
}

# in_debian COMMAND...: without this machine's environment, which may name packages and registries of its own.
in_debian() {
    chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PIP_RETRIES=10 ${https_proxy:+"https_proxy=$https_proxy"} \
        ${http_proxy:+"http_proxy=$http_proxy"} "$@"
}
