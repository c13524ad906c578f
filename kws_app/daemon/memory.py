"""Gives back the memory that only starting needed.

Loading a library maps the whole of it that is in the page cache: 25 MB of ONNX Runtime, of which one small model runs
a few hundred kilobytes. Such pages are copies of files, and dropping them is safe: what is still needed comes back from
the page cache when it is next touched.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

MADV_DONTNEED = 4

M_MMAP_THRESHOLD = -3
LARGE_BYTES = 128 * 1024
"""glibc's own beginning: larger blocks go back to the system when they are freed. Left alone it moves the limit up with
each one, to 32 MB, and what is opened and closed for months leaves holes among the rest."""

MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ [1-9]\d* ")
"""A line of /proc/self/smaps: private, not writable, of a file."""


def trim() -> None:
    """Unmap the pages of program files that this process has not changed, and have glibc keep nothing large.

    Linux; elsewhere it does nothing.
    """
    try:
        smaps = Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    libc = ctypes.CDLL(None)
    for start, end in _unchanged(smaps):
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)
    if hasattr(libc, "malloc_trim"):  # glibc's
        libc.malloc_trim(ctypes.c_size_t(0))
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


def _unchanged(smaps: str) -> Iterator[tuple[int, int]]:
    """Read-only mappings of files without a page of their own: those that relocation wrote to keep what it wrote."""
    start = end = 0
    for line in smaps.splitlines():
        if mapping := MAPPING.match(line):
            start, end = int(mapping[1], 16), int(mapping[2], 16)
        elif line.startswith("VmFlags"):
            start = end = 0
        elif start and line.startswith("Anonymous:") and int(line.split()[1]) == 0:
            yield start, end
