"""Which microphone is asked for; apart from the microphone, so that the doctor can read it where numpy dies."""

from __future__ import annotations

from dataclasses import dataclass

from kws_app.schema import setting


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """Which microphone, and how patient to be with it."""

    device: str | int | None = setting(
        None, help="a part of the device's name, or its index (see: kws-app devices); empty: the system's default"
    )
    block_ms: int = setting(
        80, between=(5, 500), help="audio taken at once; less answers sooner, more costs less of the processor"
    )
    deaf_after_seconds: float = setting(
        2, between=(0.5, 60), help="open the device anew when it delivered nothing, or no sound, for so long"
    )
    digital_silence_seconds: float = setting(
        2.5,
        between=(0.5, 86_400),
        help="the same for nothing but zeros; more for a microphone that gives zeros whenever the room is quiet",
    )
    give_up_after_seconds: float = setting(
        30, between=(1, 86_400), help="end with status 69 when that did not help for so long; zeros alone never end it"
    )
