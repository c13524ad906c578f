"""Files that are whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kws_app.errors import OutputError
from kws_app.wholefile import whole, write_whole
from tests.conftest import disk_with_room_for


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file that holds "old", alone in its folder."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def assert_untouched(old: Path) -> None:
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_a_file_takes_the_place_of_the_old_one(old: Path) -> None:
    with whole(old) as file:
        file.write(b"new")

    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


def test_the_old_file_is_there_until_the_new_one_is_complete(old: Path) -> None:
    with whole(old) as file:
        file.write(b"new")
        file.flush()

        assert old.read_bytes() == b"old"


def test_a_full_disk_leaves_the_old_file_and_no_part_of_a_new_one(old: Path) -> None:
    refused = pytest.raises(OutputError, match=r"/file: cannot be written: File too large$")

    with disk_with_room_for(1000), refused, whole(old) as file:
        file.write(bytes(100_000))

    assert_untouched(old)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_a_stop_half_way_leaves_the_old_file_and_no_part_of_a_new_one(old: Path, stop: type[BaseException]) -> None:
    def begin() -> None:
        with whole(old) as file:
            file.write(b"ne")
            raise stop

    with pytest.raises(stop):
        begin()

    assert_untouched(old)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "file"

    with pytest.raises(OutputError) as refused, whole(path):
        pass

    assert str(refused.value) == f"{path}: cannot be written: No such file or directory"


def test_a_folder_or_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)

    for path in (folder, pipe):
        with pytest.raises(OutputError, match=r"cannot be written: what is there is no file$"), whole(path):
            pass

    assert folder.is_dir()
    assert pipe.is_fifo()
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "pipe"}


def test_a_text_goes_whole_into_a_file_and_as_it_is_into_a_pipe(tmp_path: Path) -> None:
    file, pipe = tmp_path / "figures.json", tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    for path in (file, pipe):
        write_whole(path, "{}")

    assert file.read_text() == "{}"
    assert os.read(reading, 10) == b"{}"
    os.close(reading)
    with disk_with_room_for(10), pytest.raises(OutputError, match="cannot be written"):
        write_whole(file, "x" * 1000)
    assert file.read_text() == "{}"
