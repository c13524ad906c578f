"""A recipe for words in clips: one YAML file that says everything such a model is made from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from kws_app.errors import ConfigError, Fault
from kws_app.features.mfcc import MfccSettings
from kws_app.schema import read, setting
from kws_app.training.network import NetworkSettings
from kws_app.training.recipe import FEATURES, FEATURES_HELP, KeywordRecipe, SourceRecipe, recipe_text, try_network


@dataclass(frozen=True, slots=True)
class VariationSettings:
    """How an example differs from the clip it is made of. Pairs are the ends of an even distribution."""

    shift_seconds: float = setting(0.1, between=(0, 0.5), help="the word is moved by up to so much, either way")
    speed: tuple[float, float] = setting((0.85, 1.15), between=(0.5, 2), help="played so many times as fast")
    gain: tuple[float, float] = setting((-20.0, 6.0), between=(-60, 20), help="dB")
    noise_share: float = setting(0.8, between=(0, 1), help="examples with noise mixed in")
    snr: tuple[float, float] = setting((0.0, 30.0), between=(-20, 60), help="dB, of the whole clip to the noise")
    silence: tuple[float, float] = setting((-75.0, -20.0), between=(-100, 0), help="dBFS of what is only noise")
    tilt: float = setting(2.0, between=(0, 10), help="log energy by which the top band is turned up or down")
    masked_bands: int = setting(8, between=(0, 32), help="widest group of bands that is masked (SpecAugment)")
    masked_frames: int = setting(8, between=(0, 50), help="longest group of frames that is masked")


@dataclass(frozen=True, slots=True)
class CourseSettings:
    """How long, how fast."""

    examples: int = setting(400_000, between=(64, 10_000_000), help="made once, for all that is trained on them")
    unknown: float = setting(2.5, between=(0.1, 25), help="how often unknown words are drawn, each keyword once")
    synthetic_share: float = setting(
        0.25, between=(0, 1), help="of the words, how many are from the folders of --synthetic, if there are any"
    )
    updates: int = setting(4000, between=(1, 1_000_000), help="steps of the optimiser")
    batch: int = setting(512, between=(1, 65_536), help="examples in one")
    rate: tuple[float, float] = setting((4e-3, 1e-5), between=(0, 1), help="learning rate, first to last by a cosine")
    weight_decay: float = setting(0.01, between=(0, 1), help="of AdamW")
    smoothing: float = setting(0.1, between=(0, 0.9), help="share of the target that all labels divide among them")
    dropout: float = setting(0.0, between=(0, 0.9), help="share of what the head reads that is dropped in training")
    fresh_share: float = setting(
        0.15, between=(0, 1), help="examples that begin a stream; others follow some other clip"
    )
    teachers: tuple[str, ...] = setting(
        (), help="networks of a finished run, as row.seed, whose mean answer is learnt instead of the label"
    )
    start_from: str = setting(
        "",
        help="network of a finished run, as row.seed, whose weights are begun with, as near as this one stores them; "
        "of the same units, ghosts aside",
    )
    scored_seconds: float = setting(0.3, between=(0.01, 1), help="the end of a clip over which its score is the mean")


@dataclass(frozen=True, slots=True)
class ClipRecipe:
    """See the fields."""

    name: str = setting(help="of the model")
    keywords: dict[str, KeywordRecipe] = setting(help="identifier to how it is spoken")
    sources: tuple[SourceRecipe, ...] = setting((), help="what it learns from, with licences; goes on the card")
    seed: int = setting(0, between=(0, 2**31), help="of examples, weights and order")
    features: MfccSettings = setting(FEATURES, help=FEATURES_HELP)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    variation: VariationSettings = field(default_factory=VariationSettings)
    course: CourseSettings = field(default_factory=CourseSettings)

    @property
    def step_seconds(self) -> float:
        """From one step of the network to the next."""
        return self.network.stack * self.features.winstep

    @property
    def smoothing_seconds(self) -> float:
        """How long a score is averaged before a threshold is held against it."""
        return self.course.scored_seconds

    @property
    def digest(self) -> str:
        """Of all that the weights depend on."""
        said = {name: asdict(getattr(self, name)) for name in ("features", "network", "variation", "course")}
        if not self.course.start_from:  # a setting younger than many a run: those without it are what they were
            del said["course"]["start_from"]
        if not self.network.context:  # as young
            del said["network"]["context"]
        del said["network"]["phases"], said["network"]["pause_bonus"]  # of the exported file
        text = json.dumps([said, self.seed, list(self.keywords)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def require(self, digest: str | None, path: Path) -> None:
        """Let nothing at *path* be taken for this recipe's that was trained by another; None was not written down.

        Raises:
            ConfigError: it was.
        """
        if digest not in (None, self.digest):
            message = f"was trained by another recipe than {self.name} is now, or for other --examples or --updates"
            raise ConfigError(Fault(str(path), None, "", f"{message}; use another --work, or delete it to begin anew"))

    @property
    def scored_steps(self) -> int:
        """Steps at a clip's end over which its score is the mean."""
        return max(1, round(self.course.scored_seconds / self.step_seconds))


def read_clip_recipe(name: str) -> ClipRecipe:
    """The recipe of that name that came with the project, or the one in the file of that path.

    Raises:
        ConfigError: no such recipe, or every mistake in it.
    """
    text, file = recipe_text(name, "kws_app.training.speechcommands")
    recipe = read(text, ClipRecipe, file=file).value
    try_network(recipe, file)
    return recipe


def shortened(recipe: ClipRecipe, *, examples: int | None, updates: int | None) -> ClipRecipe:
    """The recipe with fewer examples or updates, to try something out."""
    course = recipe.course
    return replace(
        recipe, course=replace(course, examples=examples or course.examples, updates=updates or course.updates)
    )
