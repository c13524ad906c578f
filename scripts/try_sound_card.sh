#!/bin/sh
# Install kws-app on a machine with its own kernel, emulated, speak to it through a USB microphone, pull that out, put it
# back, and send the machine to sleep. Takes ten minutes and 3 GB; run it as root, in an environment that `make setup` made.
#
#   scripts/try_sound_card.sh FOLDER    FOLDER becomes the root of that machine; one that is there already is used again
#
# needs: apt-get install debootstrap qemu-system-x86
set -eu
. "$(dirname "$0")/debian.sh"
root=$(mkdir -p "$1/root" && cd "$1/root" && pwd)
disk=$(dirname "$root")

make_debian amd64 python3,ca-certificates,systemd-sysv,udev,dbus,kmod
enter_debian
in_debian apt-get install --quiet --quiet --yes --no-install-recommends linux-image-amd64 initramfs-tools
in_debian sh -c 'cd /opt/checkout && systemd/install.sh'

# The tests' own small model: this processor is emulated, and has to keep up with what is said.
cat >"$root/etc/kws-app/config.yaml" <<'CONFIG'
audio: {device: Simulated Microphone, give_up_after_seconds: 120}
model: {path: /opt/checkout/tests/models/tiny.onnx}
keywords: {rise: }
CONFIG
units=$root/etc/systemd/system
mkdir -p "$units/kws-app.service.d"
printf '[Service]\nTimeoutStartSec=600\nWatchdogSec=135\n' >"$units/kws-app.service.d/slow.conf"
# A shell for the tests, on a line to this machine.
cat >"$units/shell.service" <<'UNIT'
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh
StandardInput=file:/dev/virtio-ports/shell
StandardOutput=file:/dev/virtio-ports/shell
StandardError=journal
Restart=always
RestartSec=1
UNIT
mkdir -p "$units/multi-user.target.wants"
ln -sf ../shell.service "$units/multi-user.target.wants/shell.service"
ln -sf /dev/null "$units/serial-getty@ttyS0.service"

rm -f "$disk/disk.img"
cp "$root"/boot/vmlinuz-* "$disk/vmlinuz"
cp "$root"/boot/initrd.img-* "$disk/initrd.img"
umount --lazy "$root/proc" "$root/dev"
trap - EXIT
mke2fs -q -F -t ext4 -O ^has_journal -d "$root" "$disk/disk.img" 3G

cd "$checkout"
KWS_APP_MACHINE=$disk .venv/bin/python -m pytest --log-cli-level=INFO tests/system/test_sound_card.py
