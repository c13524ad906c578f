"""``kws-train streams``: build streams to judge a model of one's own words on, with their manifest."""

from __future__ import annotations

import argparse
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kws_app.arrays import RATE, Audio
from kws_app.errors import ConfigError, Fault
from kws_app.schema import did_you_mean
from kws_app.training.augment import direct_sound_first, simulated_rooms
from kws_app.training.composing import (
    GAP_SECONDS,
    Condition,
    Far,
    Over,
    background_streams,
    clean,
    in_noise,
    on_television,
    words_stream,
)
from kws_app.training.data import write_recording
from kws_app.training.heldout import HeldOut, SpokenClip, files
from kws_app.training.manifest import SPLITS
from kws_app.training.options import numbers
from kws_app.wholefile import whole

ROOMS = "rirs"
"""The folder of room responses below a background folder; all others are categories of negatives."""
TELEVISION = "television"
"""A condition of words, and a kind of negatives."""
NOISY_TALK = "noisy_talk"
TELEVISION_DB = (5.0, 15.0)
FAR_METRES = (2.0, 4.0)
MIXED_SECONDS = 3600
"""Of noise or of talk that words are mixed with; 230 MB."""


class StreamFolder:
    """Streams written to *root* one by one, and at last their manifest."""

    def __init__(self, root: Path, seed: int) -> None:
        self.streams: dict[str, dict[str, Any]] = {}
        self._root, self._seed = root, seed
        root.mkdir(parents=True, exist_ok=True)

    def rng(self, name: str) -> np.random.Generator:
        """Each stream its own, so that none changes when another is left out."""
        return np.random.default_rng((self._seed, zlib.crc32(name.encode())))

    def add(self, name: str, audio: Audio, **description: Any) -> None:
        """Write one stream."""
        samples = np.rint(np.clip(audio, -1, 1) * 32767).astype(np.int16)
        path = self._root / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        write_recording(path, samples)
        self.streams[name] = {
            "path": f"{name}.wav",
            "seconds": round(len(samples) / RATE, 2),
            "digest": hashlib.sha256(samples.tobytes()).hexdigest()[:16],
            **description,
        }
        print(f"{name}: {len(samples) / RATE / 60:.1f} min", flush=True)

    def write_manifest(self, **more: Any) -> Path:
        """Make the folder one that ``kws-train evaluate`` reads."""
        path = self._root / "truth.json"
        manifest = {"seed": self._seed, "rate": RATE, "gap": GAP_SECONDS, **more, "streams": self.streams}
        with whole(path) as file:
            file.write(json.dumps(manifest, indent=1).encode())
        return path


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "streams",
        help="streams to judge a model of your own words on",
        description="Build streams from recordings that no training has heard: every word clean, in noise, far away in "
        "rooms and over a television; and hours without it. The same recordings and seed give the same streams.",
        epilog="example: kws-train streams --words HELDOUT --background BACKGROUND --out STREAMS",
    )
    parser.add_argument(
        "--words",
        type=Path,
        metavar="DIR",
        help="clips in DIR/WORD/, or DIR/manifest.tsv; without, the streams are hours for kws-train evaluate "
        "--negatives",
    )
    _add_background(parser)
    parser.add_argument("--other-words", type=Path, metavar="DIR", help="clips of other words, reported apart")
    parser.add_argument("--near-misses", type=Path, metavar="DIR", help="clips of what sounds alike, reported apart")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where streams and truth.json go")
    parser.add_argument("--split", default="dev", choices=SPLITS, help="what they are for: dev may choose thresholds")
    parser.add_argument("--snr", type=float, nargs="+", default=[10, 5, 0], metavar="DB", help="words over noise")
    parser.add_argument("--rooms", type=int, default=24, metavar="N", help="measured ones, made up to N with simulated")
    parser.add_argument("--seed", type=int, default=7)
    parser.set_defaults(run=run)


def _add_background(parser: argparse.ArgumentParser) -> None:
    """What becomes hours without the words, and what is mixed with them."""
    parser.add_argument(
        "--background",
        type=Path,
        required=True,
        metavar="DIR",
        help=f"a folder for each kind of negatives, as speech, noise, music; room responses in DIR/{ROOMS}",
    )
    parser.add_argument(
        "--kinds", nargs="*", metavar="KIND", help="the backgrounds that become negatives by themselves (default all)"
    )
    parser.add_argument(
        "--noise",
        default="noise",
        metavar="KIND",
        help="the background that words, and the talk of --noisy-hours, are mixed with",
    )
    parser.add_argument(
        "--television",
        default="speech",
        metavar="KIND",
        help="the background that talks: over words, for --television-hours and for --noisy-hours",
    )
    parser.add_argument(
        "--music", metavar="KIND", help="the background that plays under a television (default music, if there is any)"
    )
    parser.add_argument("--hours", type=numbers(), default=3.0, help="of each kind of negatives at most (default 3)")
    parser.add_argument(
        "--television-hours",
        type=numbers(),
        default=0.0,
        metavar="HOURS",
        help="of television, as one more kind, at most (default 0)",
    )
    parser.add_argument(
        "--noisy-hours",
        type=numbers(),
        default=0.0,
        metavar="HOURS",
        help="of the talk of --television in --noise, 0 to 15 dB above it, as one more kind, at most (default 0)",
    )


def run(args: argparse.Namespace) -> int:
    """Build every stream, then the manifest."""
    kinds, held_out = _kinds(args), HeldOut(args.split)
    folder = StreamFolder(args.out, args.seed)
    words = {} if args.words is None else held_out.words(args.words)
    rooms = _rooms(args, held_out, folder) if words or args.television_hours else []
    noise = _noise(args, held_out) if words or args.noisy_hours else []
    conditions = _conditions(args, held_out, rooms, noise) if words else {}
    _build_words(folder, words, conditions)
    for kind in ("other-words", "near-misses"):
        source = getattr(args, kind.replace("-", "_"))
        if source is not None and (clips := held_out.clips(source)):
            name = f"negative/{kind}"
            audio, spoken = words_stream(folder.rng(name), clips, clean)
            folder.add(name, audio, kind=kind, words=spoken)
    for category, path in kinds.items():
        _build_background(folder, category, held_out.recordings(path), args.hours)
    _build_talk(folder, args, held_out, rooms, noise)
    if not any(stream["kind"] == "negative" for stream in folder.streams.values()):
        message = "gave no hours without the words; see --kinds, --hours, --television-hours and --noisy-hours"
        raise ConfigError(Fault(str(args.background), None, "", message))
    manifest = folder.write_manifest(split=args.split, speakers=_groups(words), skipped=held_out.skipped)
    if held_out.skipped:
        print(f"skipped {len(held_out.skipped)} files, listed in {manifest}")
    use = f"--stream {manifest}" if words else f"--stream STREAMS/truth.json --negatives {manifest}"
    print(f"built; next: kws-train evaluate {use} --model MODEL --json OUT")
    return 0


def _kinds(args: argparse.Namespace) -> dict[str, Path]:
    """Folders of recordings that become negatives, by kind."""
    if not args.background.is_dir():
        raise ConfigError(Fault(str(args.background), None, "", "no such folder"))
    there = {path.name: path for path in sorted(args.background.iterdir()) if path.is_dir() and path.name != ROOMS}
    if not any(files(path) for path in there.values()):
        raise ConfigError(
            Fault(str(args.background), None, "", "no recordings in KIND/ below it, as in speech/, noise/")
        )
    chosen = [*there] if args.kinds is None else args.kinds
    talk = [args.television] if args.television_hours or args.noisy_hours else []
    noise = [args.noise] if args.noisy_hours else []
    faults = [
        Fault(str(args.background), None, "", f"no folder {kind!r}{did_you_mean(kind, there)}")
        for kind in [*chosen, *talk, *noise, *filter(None, [args.music])]
        if kind not in there
    ]
    for kind, option, hours in (
        (TELEVISION, "television", args.television_hours),
        (NOISY_TALK, "noisy", args.noisy_hours),
    ):
        if hours and kind in chosen:
            message = f"is what --{option}-hours makes; call the folder otherwise"
            faults.append(Fault(str(args.background / kind), None, "", message))
    if faults:
        raise ConfigError(*faults)
    return {kind: there[kind] for kind in chosen}


def _build_words(
    folder: StreamFolder, words: Mapping[str, list[SpokenClip]], conditions: Mapping[str, Condition]
) -> None:
    """Every word under every condition."""
    for keyword, clips in words.items():
        for condition, change in conditions.items():
            name = f"positive/{keyword}.{condition}"
            audio, spoken = words_stream(folder.rng(name), clips, change)
            folder.add(name, audio, kind="positive", keyword=keyword, condition=condition, words=spoken)


def _build_talk(
    folder: StreamFolder, args: argparse.Namespace, held_out: HeldOut, rooms: list[Audio], noise: list[Audio]
) -> None:
    """Talk as it comes from a television, and in noise, if hours of it are wanted."""
    talk = args.background / args.television
    if args.television_hours:
        music, played = _sounds(args.background / (args.music or "music"), held_out), folder.rng("on television")
        _build_background(
            folder,
            TELEVISION,
            held_out.recordings(talk),
            args.television_hours,
            change=lambda audio: on_television(played, audio, music, rooms),
        )
    if args.noisy_hours:
        noisy = folder.rng("in noise")
        _build_background(
            folder,
            NOISY_TALK,
            held_out.recordings(talk),
            args.noisy_hours,
            change=lambda audio: in_noise(noisy, audio, noise),
        )


def _build_background(
    folder: StreamFolder,
    category: str,
    recordings: Iterable[tuple[str, Audio]],
    hours: float,
    *,
    change: Callable[[Audio], Audio] = lambda audio: audio,
) -> None:
    """One kind of negatives, each stream changed as a whole."""
    for number, (audio, sources) in enumerate(background_streams(folder.rng(category), recordings, hours)):
        name = f"negative/{category}.{number}"
        folder.add(name, change(audio), kind="negative", category=category, sources=sources)


def _rooms(args: argparse.Namespace, held_out: HeldOut, folder: StreamFolder) -> list[Audio]:
    """Responses of measured rooms, and of simulated ones as far as these do not suffice."""
    measured = [direct_sound_first(response) for response in _sounds(args.background / ROOMS, held_out)]
    wanted = max(0, args.rooms - len(measured))
    return measured + (simulated_rooms(folder.rng("rooms"), wanted, metres=FAR_METRES) if wanted else [])


def _noise(args: argparse.Namespace, held_out: HeldOut) -> list[Audio]:
    """What words and talk are mixed with."""
    noise = _sounds(args.background / args.noise, held_out)
    if args.noisy_hours and not noise:
        message = "no recordings that can be read, which --noisy-hours needs"
        raise ConfigError(Fault(str(args.background / args.noise), None, "", message))
    return noise


def _conditions(
    args: argparse.Namespace, held_out: HeldOut, rooms: list[Audio], noise: list[Audio]
) -> dict[str, Condition]:
    """Conditions by name, as far as there are recordings for them."""
    conditions: dict[str, Condition] = {"clean": clean}
    if noise:
        conditions |= {f"snr{snr:g}": Over(noise, (snr, snr)) for snr in args.snr}
    if rooms:
        conditions["far"] = Far(rooms)
    talk = _sounds(args.background / args.television, held_out)
    if talk:
        conditions[TELEVISION] = Over(talk, TELEVISION_DB, pauses=True)
    return conditions


def _sounds(folder: Path, held_out: HeldOut) -> list[Audio]:
    """What is below *folder*, as much as fits into memory; nothing if it is not there."""
    sounds: list[Audio] = []
    for _, audio in held_out.recordings(folder) if folder.is_dir() else ():
        sounds.append(audio)
        if sum(map(len, sounds)) > MIXED_SECONDS * RATE:
            break
    return sounds


def _groups(words: Mapping[str, list[SpokenClip]]) -> dict[str, list[str]]:
    return {clip.speaker: list(clip.groups) for clips in words.values() for clip in clips if clip.groups}
