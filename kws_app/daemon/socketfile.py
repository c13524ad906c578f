"""The control socket as a file: with its mode and its group, in place of one that a dead daemon left behind."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kws_app.errors import ControlError

MODE = 0o660

LONGEST_PATH = 106
"""Bytes. The kernel takes 107, and the socket has a dot more in its name until it is ready."""


@contextmanager
def listening(path: Path, group: str | None) -> Iterator[socket.socket]:
    """A socket that listens at *path*, for members of *group*; the file is gone in the end.

    Raises:
        ControlError: something else is there, such as a living daemon's socket, or this user may not.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as listener:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _alone_in(path.parent):
                _refuse_if_taken(path)
                _put(listener, path, group)
            made = path.stat()
        except LookupError as error:
            raise ControlError(f"control socket {path}: there is no group {group}") from error
        except OSError as error:
            raise ControlError(f"control socket {path}: {error.strerror or error}") from error
        try:
            yield listener
        finally:
            with suppress(OSError):
                if os.path.samestat(path.stat(), made):  # or it is another daemon's by now
                    path.unlink()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Of two daemons that start at once, let one look and put its socket there before the other looks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse_if_taken(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "what is there is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        match probe.connect_ex(str(path)):
            case errno.ECONNREFUSED:  # nobody listens any more
                return
            case 0 | errno.EAGAIN:
                raise OSError(errno.EADDRINUSE, "another kws-app answers there")
            case code:
                raise OSError(code, os.strerror(code))


def _put(listener: socket.socket, path: Path, group: str | None) -> None:
    """Let *listener* take the place at *path* once its mode and group are right, so that nobody gets in before."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.unlink(missing_ok=True)
    listener.bind(str(unfinished))
    try:
        unfinished.chmod(MODE)
        if group is not None:
            _give(unfinished, group)
        listener.listen()
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _give(path: Path, group: str) -> None:
    number = grp.getgrnam(group).gr_gid
    if path.stat().st_gid == number:  # a sandbox may forbid even to ask
        return
    try:
        os.chown(path, -1, number)
    except PermissionError as error:
        raise PermissionError(
            error.errno,
            f"this user may not give it to the group {group}: it must be a member, and a service needs "
            "systemd/install.sh --open control-group",
        ) from error
