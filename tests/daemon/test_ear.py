"""Facts about what hears: one stream through every exchange of microphone and pipeline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from kws_app.arrays import RATE, Samples
from kws_app.audio.capture import Delivery
from kws_app.audio.settings import AudioSettings
from kws_app.audio.source import Block
from kws_app.daemon.clock import Clock
from kws_app.daemon.ear import Ear
from kws_app.errors import MicrophoneError, RecordingError
from kws_app.events import AudioLost, Detection, Event
from kws_app.model.stepper import load_model
from kws_app.pipeline import KeywordSettings, Pipeline
from tests.conftest import spoken_words
from tests.daemon.simulated import Happening, SimulatedMicrophone, blocks_of

ROOM = Block(np.random.default_rng(0).normal(scale=8, size=640).astype(np.int16))


@pytest.fixture
def new_pipeline(tiny_model: Path) -> Callable[..., Pipeline]:
    model = load_model(tiny_model)
    return lambda *keywords: Pipeline(model, {keyword: KeywordSettings() for keyword in keywords})


@pytest.fixture
def hear(new_pipeline: Callable[..., Pipeline]) -> Callable[..., World]:
    return lambda script, **options: World(script, new_pipeline("rise"), **options)


class World:
    """An ear on a microphone that follows a script, in which callables are called with the ear."""

    def __init__(
        self,
        script: Iterable[Block | Callable[[Ear], object]],
        pipeline: Pipeline,
        *,
        device: str | None = None,
        released: bool = False,
        recording: Path | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.microphone = SimulatedMicrophone([self._happening(one) for one in script])
        self.ear = Ear(
            AudioSettings(device=device),
            pipeline,
            self.events.extend,
            recording=recording,
            new_device=self.microphone,
            new_clock=Clock,
        )
        self.ear.open(released=released)

    def all(self) -> World:
        """Hear to the end."""
        for _ in self.ear.hear():
            pass
        self.ear.close()
        return self

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def _happening(self, one: Block | Callable[[Ear], object]) -> Happening:
        return one if isinstance(one, Block) else lambda: one(self.ear)


def test_a_word_is_heard_where_it_was_said(hear: Callable[..., World], spoken: Samples) -> None:
    (heard,) = hear(blocks_of(spoken)).all().of(Detection)

    assert 1.3 < heard.time < 2.0


def test_what_a_device_lost_is_told_and_counts_as_time(hear: Callable[..., World]) -> None:
    world = hear([ROOM, Block(ROOM.samples, lost=RATE, reason="the device lost audio")]).all()

    (lost,) = world.of(AudioLost)
    assert isinstance(lost, AudioLost)
    assert (lost.seconds, lost.reason) == (1.0, "the device lost audio")
    assert world.ear.seconds == 1 + 2 * 640 / RATE


def test_before_the_first_block_nothing_was_heard_and_after_it_its_age_is_known(hear: Callable[..., World]) -> None:
    ages = []
    world = hear([lambda ear: ages.append(ear.seconds_since_last_block), ROOM])

    world.all()

    assert ages == [None]
    assert world.ear.seconds_since_last_block is not None


def test_another_pipeline_on_the_same_microphone_loses_nothing_and_knows_the_last_seconds(
    hear: Callable[..., World], new_pipeline: Callable[..., Pipeline]
) -> None:
    blocks = blocks_of(spoken_words("rise", "fall"))
    half = len(blocks) // 2 + 10  # "fall" has begun
    new = new_pipeline("fall")

    world = hear([*blocks[:half], lambda ear: ear.exchange(AudioSettings(), new), *blocks[half:]]).all()

    assert [event.keyword for event in world.events if isinstance(event, Detection)] == ["rise", "fall"]
    assert world.of(AudioLost) == []
    assert world.microphone.opened == ["default"]


def test_another_microphone_is_opened_after_the_one_before_is_closed_and_the_time_between_is_lost(
    hear: Callable[..., World], new_pipeline: Callable[..., Pipeline]
) -> None:
    new = new_pipeline("rise")

    world = hear([ROOM, lambda ear: ear.exchange(AudioSettings(device="other"), new), ROOM]).all()

    (lost,) = world.of(AudioLost)
    assert isinstance(lost, AudioLost)
    assert lost.reason == "another microphone was opened"
    assert world.microphone.opened == ["default", "other"]


def test_a_microphone_that_does_not_open_leaves_the_one_before_its_settings_and_its_pipeline(
    hear: Callable[..., World], new_pipeline: Callable[..., Pipeline]
) -> None:
    refused = []

    def exchange(ear: Ear) -> None:
        with pytest.raises(MicrophoneError, match='no input device named "absent"') as raised:
            ear.exchange(AudioSettings(device="absent"), new_pipeline("fall"))
        refused.append(raised)

    world = hear([ROOM, exchange, *blocks_of(spoken_words("rise"))], device="desk").all()

    assert refused
    assert world.microphone.opened == ["desk", "desk"]
    assert [event.keyword for event in world.events if isinstance(event, Detection)] == ["rise"]


def test_what_devices_said_they_lost_is_counted_on_over_every_change_of_device(
    hear: Callable[..., World], new_pipeline: Callable[..., Pipeline]
) -> None:
    counts = []

    def overflow(ear: Ear) -> None:
        world.microphone.delivery = Delivery(overflows=3)
        counts.append(ear.overflows)

    def change(ear: Ear) -> None:
        ear.exchange(AudioSettings(device="other"), new_pipeline("rise"))
        world.microphone.delivery = Delivery()
        counts.append(ear.overflows)

    def release(ear: Ear) -> None:
        ear.release(True)
        counts.append(ear.overflows)
        ear.release(False)

    world = hear([ROOM, overflow, change, ROOM, overflow, release, ROOM])
    world.all()

    assert counts == [3, 3, 6, 6]


def test_released_there_is_no_microphone_and_an_exchange_opens_none(
    hear: Callable[..., World], new_pipeline: Callable[..., Pipeline]
) -> None:
    world = hear([], released=True)

    world.ear.exchange(AudioSettings(device="absent"), new_pipeline("fall"))

    assert world.microphone.opened == []
    assert world.ear.source.description == "no microphone: it is released"
    assert list(world.ear.pipeline.thresholds) == ["fall"]


def test_what_was_exchanged_while_released_is_what_is_opened_then(
    hear: Callable[..., World], new_pipeline: Callable[..., Pipeline]
) -> None:
    world = hear([ROOM], released=True)
    world.ear.exchange(AudioSettings(device="other"), new_pipeline("rise"))

    world.ear.release(False)
    world.all()

    assert world.microphone.opened == ["other"]


def test_another_device_that_was_asked_for_while_released_is_opened_and_not_the_one_before(
    hear: Callable[..., World], new_pipeline: Callable[..., Pipeline]
) -> None:
    def exchange_while_released(ear: Ear) -> None:
        ear.release(True)
        ear.exchange(AudioSettings(device="other"), new_pipeline("rise"))
        ear.release(False)

    world = hear([ROOM, exchange_while_released, ROOM], device="desk").all()

    assert world.microphone.opened == ["desk", "other"]


def test_a_microphone_that_closes_slowly_is_waited_for(hear: Callable[..., World]) -> None:
    def release(ear: Ear) -> None:
        world.microphone.hang()
        threading.Timer(1.5, world.microphone.let_go).start()
        ear.release(True)
        ear.release(False)

    world = hear([ROOM, release, ROOM])

    world.all()

    assert world.microphone.opened == ["default", "default"]


def test_releasing_twice_changes_nothing(hear: Callable[..., World]) -> None:
    world = hear([ROOM])

    world.ear.release(False)
    world.all()

    assert world.microphone.opened == ["default"]
    assert world.of(AudioLost) == []


def test_a_recording_is_heard_in_place_of_the_microphone_and_stays_through_an_exchange(
    hear: Callable[..., World], new_pipeline: Callable[..., Pipeline], recording: Path
) -> None:
    world = hear([], recording=recording)

    world.ear.exchange(AudioSettings(device="other"), new_pipeline("fall"))
    world.all()

    assert world.microphone.opened == []
    assert [event.keyword for event in world.events if isinstance(event, Detection)] == ["fall"]


def test_a_recording_that_is_not_there_is_said_when_it_is_opened(hear: Callable[..., World]) -> None:
    with pytest.raises(RecordingError, match=r"none\.wav"):
        hear([], recording=Path("none.wav"))


def test_the_meter_shows_the_level_of_the_last_blocks_and_every_score(
    hear: Callable[..., World], spoken: Samples
) -> None:
    level = hear(blocks_of(spoken)).all().ear.level()

    assert -80 < level.noise_floor_dbfs < level.level_dbfs < 0
    assert list(level.scores) == ["rise"]
