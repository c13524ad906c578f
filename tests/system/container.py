"""A whole system to install into: this machine's own files under an overlay that forgets, booted by a real systemd."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

UP_WITHIN_SECONDS = 60
SIZE_MEGABYTES = 2000
POLL_SECONDS = 0.05

OPTIONS = (
    *("--quiet", "--console=pipe", "--kill-signal=SIGRTMIN+3"),
    # This machine need not run systemd itself, and its files stay as they are.
    *("--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off"),
)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""As sudo gives it."""


class Container:
    """Boots in a second; nothing that happens in it reaches this machine's files.

    Its network is this machine's, for the packages that are installed.

    Args:
        shown: folders of this machine that are seen in it as they are, under other names.

    Attributes:
        root: its file system, seen from here.
    """

    def __init__(self, shown: dict[Path, str]) -> None:
        self._shown = shown
        self._folder = Path(tempfile.mkdtemp(prefix="container-"))
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.root, self._changed = self._folder / "root", self._folder / "disk" / "changed"

    def __enter__(self) -> Self:
        try:
            self._mount()
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._nspawn is not None:
            self._nspawn.send_signal(signal.SIGTERM)  # an orderly shutdown
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._nspawn.wait(20)
            self._nspawn.kill()
            self._nspawn.wait()
        for mounted in (self.root, self._folder / "disk"):
            subprocess.run(["umount", "--lazy", mounted], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, *command: str, check: bool = True, within: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root."""
        enter = ["nsenter", f"--target={self._leader}", "--mount", "--pid", "--uts", "--ipc", "--root", "--wd"]
        pips = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        environment = {**pips, "PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*enter, *command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=within,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """Nothing more can be written, but to file systems that systemd mounts, such as /tmp."""
        self.run("sh", "-c", "cat /dev/zero >/filler", check=False, within=120)
        try:
            yield
        finally:
            (self.root / "filler").unlink()

    def changes(self) -> set[str]:
        """The files and folders that differ from this machine's, or are gone."""
        return {str(path.relative_to(self._changed)) for path in self._changed.rglob("*")}

    def _mount(self) -> None:
        needed = ("systemd-nspawn", "nsenter", "pulseaudio")
        if os.geteuid() != 0 or not all(map(shutil.which, needed)) or not Path("/sbin/init").exists():
            pytest.skip(f"needs root, systemd-sysv and {', '.join(needed)}")
        disk = self._folder / "disk"
        disk.mkdir()
        layers = f"lowerdir=/,upperdir={self._changed},workdir={disk / 'work'}"
        try:
            _mount("tmpfs", f"size={SIZE_MEGABYTES}m", disk)
            for folder in (self._changed, disk / "work", self.root):
                folder.mkdir()
            _mount("overlay", layers, self.root)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"nothing can be laid over this machine's files: {error.stderr.strip()}")

    def _boot(self) -> None:
        for wants in (self.root / "etc/systemd/system").glob("*.wants"):
            shutil.rmtree(wants)  # this machine's services are no business of the container
        (self.root / "etc/machine-id").write_text("")
        shown = [f"--bind-ro={here}:{there}" for here, there in self._shown.items()]
        command = [
            "systemd-nspawn",
            *OPTIONS,
            f"--directory={self.root}",
            *shown,
            "--boot",
            "systemd.unit=multi-user.target",
        ]
        log = self._folder / "log.txt"
        with log.open("wb") as output:
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while not self._is_up(self._nspawn.pid):
            if self._nspawn.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"systemd does not boot in a container here: {log.read_text(errors='replace')}")
            time.sleep(POLL_SECONDS)

    def _is_up(self, pid: int) -> bool:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children or not (self.root / "etc/machine-id").read_text().strip():
            return False
        self._leader = children[0]
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")


def _mount(kind: str, options: str, place: Path) -> None:
    command = ["mount", "-t", kind, "-o", options, kind, place]
    subprocess.run(command, check=True, capture_output=True, text=True)
