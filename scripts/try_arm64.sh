#!/bin/sh
# Install kws-app on a fresh 64-bit Debian for ARM, emulated, as README.md says, and play the sample to it. Takes half an
# hour and 1 GB; run it as root. It proves that everything installs without a compiler and runs; it proves no speed.
#
#   scripts/try_arm64.sh FOLDER    FOLDER becomes the root of that system; one that is there already is used again
#
# needs: apt-get install debootstrap qemu-user-static
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
root=$(mkdir -p "$1" && cd "$1" && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}

binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc none $binfmt
if [ ! -e $binfmt/qemu-aarch64 ]; then
    # The header of an executable for aarch64; F: the emulator is opened now, as it is not in the new root.
    magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    echo ":qemu-aarch64:M::$magic:$mask:/usr/bin/qemu-aarch64-static:F" >$binfmt/register
fi

[ -e "$root/usr" ] ||
    debootstrap --arch=arm64 --foreign --variant=minbase --include=python3,ca-certificates,systemd bookworm "$root" "$mirror"
[ ! -e "$root/debootstrap" ] || chroot "$root" /debootstrap/debootstrap --second-stage

# No /sys: it would tell of this machine's processor, and ONNX Runtime dies of that. Without, it warns and runs.
trap 'umount --lazy "$root/proc" "$root/dev"' EXIT
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
rm -rf "$root/opt/checkout"
mkdir -p "$root/opt/checkout"
git -C "$checkout" archive HEAD | tar -x -C "$root/opt/checkout"

in_root() { chroot "$root" /usr/bin/env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
in_root uname -m
in_root sh -c 'cd /opt/checkout && systemd/install.sh'
in_root sh -c '! command -v gcc'
in_root kws-app replay /opt/checkout/examples/computer.flac
