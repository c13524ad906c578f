"""Facts about a mute that is to survive a restart: the file is real."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from kws_app.daemon.mute import Mute, MuteStore
from kws_app.errors import OutputError
from tests.conftest import disk_with_room_for

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize("until", [None, NOW + HALF_AN_HOUR])
@pytest.mark.parametrize("release", [False, True])
def test_what_was_muted_is_still_muted_after_a_restart(tmp_path: Path, until: datetime | None, release: bool) -> None:
    MuteStore(tmp_path / "kws-app").write(Mute(until, release))

    assert MuteStore(tmp_path / "kws-app").read(NOW) == Mute(until, release)


def test_nothing_is_muted_at_first(tmp_path: Path) -> None:
    assert MuteStore(tmp_path / "none").read(NOW) is None


def test_a_mute_that_ended_while_the_daemon_was_off_is_over(tmp_path: Path) -> None:
    MuteStore(tmp_path).write(Mute(NOW + HALF_AN_HOUR))

    assert MuteStore(tmp_path).read(NOW + HALF_AN_HOUR) is None


def test_an_end_in_another_time_zone_is_the_same_moment(tmp_path: Path) -> None:
    elsewhere = (NOW + HALF_AN_HOUR).astimezone(timezone(timedelta(hours=9)))

    MuteStore(tmp_path).write(Mute(elsewhere))

    assert MuteStore(tmp_path).read(NOW) == Mute(NOW + HALF_AN_HOUR)


def test_unmuting_leaves_no_file_behind(tmp_path: Path) -> None:
    store = MuteStore(tmp_path)
    store.write(Mute())

    store.write(None)
    store.write(None)

    assert store.read(NOW) is None
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "damage",
    [
        *(b"", b"{", b"\xff", b"[]", b"null", b"[" * 100_000, b'{"until": null}'),
        *(b'{"until": %s, "release": true}' % until for until in (b"5", b"0", b"[]", b'""', b'"soon"')),
        b'{"until": "0001-01-01T00:00:00+23:59", "release": true}',
        b'{"until": "9999-12-31T23:59:59-23:59", "release": true}',
    ],
)
def test_a_damaged_file_is_said_and_mutes_nothing(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mute.json").write_bytes(damage)

    assert MuteStore(tmp_path).read(NOW) is None
    assert f"{tmp_path}/mute.json: cannot be read, so nothing is muted: " in caplog.text


def test_a_full_disk_is_a_sentence_and_the_old_mute_stays(tmp_path: Path) -> None:
    store = MuteStore(tmp_path)
    store.write(Mute(NOW + HALF_AN_HOUR))

    said = r"^done, but a restart will forget it: .*mute\.json: cannot be written: File too large$"
    with disk_with_room_for(0), pytest.raises(OutputError, match=said):
        store.write(Mute())

    assert store.read(NOW) == Mute(NOW + HALF_AN_HOUR)


@pytest.mark.parametrize("mute", [Mute(), None])
def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path, mute: Mute | None) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match=r"forget it: .*file/kws-app/mute\.json: Not a directory$"):
        MuteStore(tmp_path / "file" / "kws-app").write(mute)


def test_others_cannot_see_a_half_written_mute(tmp_path: Path) -> None:
    MuteStore(tmp_path).write(Mute())

    assert os.listdir(tmp_path) == ["mute.json"]
