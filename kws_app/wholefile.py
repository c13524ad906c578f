"""Files that are whole or absent: a full disk, or a stop half-way, leaves what was there before."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kws_app.errors import OutputError


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it takes its place at *path* once all of it is written.

    Raises:
        OutputError: it cannot be written.
    """
    partial = path.parent / f"{path.name}.partial"
    try:
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "what is there is no file")  # root could replace /dev/null
        with partial.open("wb") as file:
            yield file
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):  # gone already if it took its place
            partial.unlink()


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all; into a device or a pipe, as far as it goes.

    Raises:
        OutputError: it cannot be written.
    """
    if path.is_file() or not path.exists():
        with whole(path) as file:
            file.write(text.encode())
    else:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
