#!/bin/sh
# Install kws-app on a fresh 64-bit Debian for ARM, emulated, as README.md says, and play the sample to it. Takes half an
# hour and 1 GB; run it as root. It proves that everything installs without a compiler and runs; it proves no speed.
#
#   scripts/try_arm64.sh FOLDER    FOLDER becomes the root of that system; one that is there already is used again
#
# needs: apt-get install debootstrap qemu-user-static
set -eu
. "$(dirname "$0")/debian.sh"
root=$(mkdir -p "$1" && cd "$1" && pwd)

binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc none $binfmt
if [ ! -e $binfmt/qemu-aarch64 ]; then
    # The header of an executable for aarch64; F: the emulator is opened now, as it is not in the new root.
    magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    echo ":qemu-aarch64:M::$magic:$mask:/usr/bin/qemu-aarch64-static:F" >$binfmt/register
fi

make_debian arm64 python3,ca-certificates,systemd
# No /sys: it would tell of this machine's processor, and ONNX Runtime dies of that. Without, it warns and runs.
enter_debian
in_debian uname -m
in_debian sh -c 'cd /opt/checkout && systemd/install.sh'
in_debian sh -c '! command -v gcc'
in_debian kws-app replay /opt/checkout/examples/computer.flac
