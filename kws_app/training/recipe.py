"""A recipe: one YAML file that says everything a model is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from kws_app.errors import ConfigError, Fault
from kws_app.features.mfcc import MfccSettings
from kws_app.schema import read, setting
from kws_app.training.embedding import SIZE
from kws_app.training.losses import LossSettings
from kws_app.training.network import Network, NetworkSettings
from kws_app.training.phones import PHONES
from kws_app.training.remix import RemixSettings
from kws_app.training.scenes import SceneSettings

if TYPE_CHECKING:
    from kws_app.training.speechcommands.recipe import ClipRecipe


FEATURES = MfccSettings(
    winlen=0.03,
    winstep=0.02,
    numcep=32,
    nfilt=32,
    lowfreq=60,
    highfreq=7600,
    ceplifter=0,
    appendEnergy=False,
    winfunc="hann",
)
"""Of a recipe that names none: those of the shipped model, so that one daemon computes one kind of feature."""
FEATURES_HELP = "those of the shipped model if left out; else all of them are said, appendEnergy off among them"


@dataclass(frozen=True, slots=True)
class KeywordRecipe:
    """One word: what people say, and how often scenes hold it."""

    phrase: str = setting("", help="as spoken; the keyword with spaces if empty")
    language: str = setting("en", help="ISO 639 code")
    weight: float = setting(1.0, between=(0, 100), help="how often it is drawn, relative to the other words")


@dataclass(frozen=True, slots=True)
class SourceRecipe:
    """Recordings or voices that the model learnt from, for its card."""

    name: str = setting(help="what it is and whose")
    licence: str = setting(help="SPDX identifier or the licence's usual name")


@dataclass(frozen=True, slots=True)
class StageSettings:
    """One stretch of training; a later stage starts from the averaged weights of the one before."""

    epochs: int = setting(24, between=(1, 100_000), help="passes over the stage's scenes")
    lanes: int = setting(64, between=(1, 4096), help="streams that go on side by side")
    rate: tuple[float, float] = setting((1e-3, 2e-5), between=(0, 1), help="learning rate, first to last by a cosine")
    negative_weight: tuple[float, float] = setting(
        (0.2, 1.0), between=(0, 100), help="weight of a negative frame against a word's 1, first to last by a square"
    )
    hours: tuple[float, float] | None = setting(None, between=(0, 10_000), help="which of the scenes, from to; all")
    mean_epochs: int = setting(0, between=(0, 1000), help="epochs before max-pooling begins")
    word_weight: float = setting(
        1.0, between=(0, 100), help="weight of the words, false alarms included; 0: phones only"
    )
    phone_weight: tuple[float, float] = setting(
        (0.0, 0.0), between=(0, 100), help="weight of telling phones apart, first to last by a straight line"
    )
    posterior_weight: tuple[float, float] = setting(
        (0.0, 0.0), between=(0, 100), help="weight of the teacher's posteriors, a step of them as a negative frame"
    )
    embedding_weight: tuple[float, float] = setting(
        (0.0, 0.0), between=(0, 100), help="weight of saying the teacher's embeddings after it"
    )
    remix: RemixSettings = field(default_factory=RemixSettings)


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """How long, how fast."""

    hours: float = setting(18.0, between=(0.01, 10_000), help="hours of scenes composed, a shard an hour")
    stages: tuple[StageSettings, ...] = setting((StageSettings(mean_epochs=1),), help="one after the other")
    chunk_seconds: float = setting(3.0, between=(0.5, 60), help="gradients go back this far; the state goes on")
    weight_decay: float = setting(0.01, between=(0, 1), help="of AdamW")
    average: float = setting(0.998, between=(0, 1), help="decay of the weights' moving average, which is exported")
    mean_of: int = setting(
        1,
        between=(1, 100),
        help="last stages over whose ends the exported weights are the mean; what --start-from gave is one's, too",
    )
    masked_lanes: float = setting(0.5, between=(0, 1), help="lanes with a group of bands masked (SpecAugment)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """See the fields; every one but ``name`` and ``keywords`` has a default."""

    name: str = setting(help="of the model")
    keywords: dict[str, KeywordRecipe] = setting(help="identifier to how it is spoken and drawn")
    sources: tuple[SourceRecipe, ...] = setting((), help="what it learns from, with licences; goes on the card")
    seed: int = setting(0, between=(0, 2**31), help="of scenes, weights and order")
    smoothing_seconds: float = setting(
        0.2, between=(0, 2), help="a score is the mean over so long before it is held against the threshold"
    )
    features: MfccSettings = setting(FEATURES, help=FEATURES_HELP)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    scenes: SceneSettings = field(default_factory=SceneSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)

    @property
    def phones(self) -> int:
        """How many phones the network tells apart while it learns; none unless a stage asks for them."""
        return len(PHONES) if any(max(stage.phone_weight) for stage in self.schedule.stages) else 0

    @property
    def echo(self) -> int:
        """How many numbers of the teacher's embedding the network says after it; none unless a stage asks for it."""
        return SIZE if any(max(stage.embedding_weight) for stage in self.schedule.stages) else 0

    @property
    def taught(self) -> bool:
        """Whether a stage asks for what the teacher heard."""
        return self.echo > 0 or any(max(stage.posterior_weight) for stage in self.schedule.stages)

    @property
    def step_seconds(self) -> float:
        """From one step of the network to the next."""
        return self.network.stack * self.features.winstep

    @property
    def step_reach_seconds(self) -> float:
        """How much sound a step sees."""
        return self.features.winlen + (self.network.stack - 1) * self.features.winstep


def read_recipe(name: str) -> Recipe:
    """The recipe of that name that came with the project, or the one in the file of that path.

    Raises:
        ConfigError: no such recipe, or every mistake in it.
    """
    text, file = recipe_text(name, "kws_app.training")
    recipe = read(text, Recipe, file=file).value
    try_network(recipe, file)
    return recipe


def try_network(recipe: Recipe | ClipRecipe, file: str) -> None:
    """Make its network once, before hours are spent on its scenes.

    Raises:
        ConfigError: the settings, each valid by itself, fit no network.
    """
    try:
        Network(recipe.features, recipe.network, len(recipe.keywords))
    except ValueError as error:
        raise ConfigError(Fault(file, None, "network", str(error))) from error


def recipe_text(name: str, package: str) -> tuple[str, str]:
    """A recipe's text and what to call its file; the project's own of its kind are in the folder of *package*.

    Raises:
        ConfigError: there is none of that name.
    """
    shipped = resources.files(package) / "recipes"
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise ConfigError(Fault(name, None, "", "no such recipe file"))
        try:
            return path.read_text(encoding="utf-8"), name
        except UnicodeDecodeError as error:
            raise ConfigError(Fault(name, None, "", f"is not UTF-8 text (byte {error.start})")) from error
    known = sorted(entry.name.removesuffix(".yaml") for entry in shipped.iterdir() if entry.name.endswith(".yaml"))
    if name not in known:
        raise ConfigError(Fault(name, None, "", f"no such recipe; there are {', '.join(known)}, or give a .yaml file"))
    return (shipped / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml"
