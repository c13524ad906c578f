"""The rows of the table: which networks are compared, the most important first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kws_app.training.compression import MatrixSettings
from kws_app.training.network import Network, NetworkSettings, TopSettings
from kws_app.training.speechcommands.recipe import ClipRecipe, read_clip_recipe
from kws_app.training.speechcommands.rival import Rival

SEEDS = (0, 1, 2)
COMPARISON = "comparison"
"""The recipe of all rows but those that have one of their own."""


@dataclass(frozen=True, slots=True)
class Row:
    """One network of the table: its section, what people call it, and what distinguishes it from the recipe's.

    Attributes:
        recipe: the recipe that it has network and course of, instead of the comparison's.
        paper: accuracy and KB of such a network where its paper has one; another corpus and other features.
    """

    section: str
    title: str
    network: Mapping[str, Any] = field(default_factory=dict)
    is_rival: bool = False
    recipe: str = ""
    paper: str = ""

    def settings(self, recipe: ClipRecipe) -> NetworkSettings:
        """Its network, in all else that of *recipe*; what has a recipe of its own is as that says."""
        if self.recipe:
            own = recipe if recipe.name == self.recipe else read_clip_recipe(self.recipe)
            return own.network
        base = recipe.network
        return replace(
            NetworkSettings(stack=base.stack, depth=base.depth, floor=base.floor), head="softmax", **self.network
        )

    def build(self, recipe: ClipRecipe) -> Network:
        """A new network, as torch's seed makes it; the *recipe* is this row's."""
        kind = Rival if self.is_rival else Network
        return kind(recipe.features, recipe.network, len(recipe.keywords))


def _low_rank(rank: int, kept: float = 1.0) -> MatrixSettings:
    return MatrixSettings(form="low_rank", rank=rank, kept=kept)


def _both(form: str, rank: int) -> dict[str, MatrixSettings]:
    return {"W": MatrixSettings(form, rank), "U": MatrixSettings(form, rank)}


_FAST_LOW = {"cell": "FastGRNN", "hidden": 100, "W": _low_rank(16), "U": _low_rank(25)}
_FAST_SPARSE = {"cell": "FastGRNN", "hidden": 100, "W": _low_rank(16, 0.3), "U": _low_rank(25, 0.3)}
_LSTM = {"cell": "LSTM", "hidden": 100, "layers": 2}

GHOSTS, FAST, LARGE, SHIPPED = "Ghost states", "FastGRNN", "LSTM", "Shipped"

ROWS: dict[str, Row] = {
    "gru-154": Row(GHOSTS, "GRU, n = 154", {"cell": "GRU", "hidden": 154}),
    "ghost2-154": Row(GHOSTS, "GhostRNN r = 2, n = 154", {"cell": "GhostRNN", "hidden": 154, "ratio": 2}),
    "ghost4-156": Row(  # 154 is no multiple of 4
        GHOSTS, "GhostRNN r = 4, n = 156", {"cell": "GhostRNN", "hidden": 156, "ratio": 4}
    ),
    "gru-77": Row(GHOSTS, "GRU of its m = 77 intrinsic units", {"cell": "GRU", "hidden": 77}),
    "gru-108": Row(GHOSTS, "GRU of as many parameters, n = 108", {"cell": "GRU", "hidden": 108}),
    "fastgrnn-207": Row(GHOSTS, "FastGRNN of as many parameters, n = 207", {"cell": "FastGRNN", "hidden": 207}),
    "gru-100": Row(GHOSTS, "GRU, n = 100", {"cell": "GRU", "hidden": 100}),
    "ghost2-100": Row(GHOSTS, "GhostRNN r = 2, n = 100", {"cell": "GhostRNN", "hidden": 100, "ratio": 2}),
    "ghost4-100": Row(GHOSTS, "GhostRNN r = 4, n = 100", {"cell": "GhostRNN", "hidden": 100, "ratio": 4}),
    "gru-50": Row(GHOSTS, "GRU of the m = 50 intrinsic units of r = 2", {"cell": "GRU", "hidden": 50}),
    "gru-25": Row(GHOSTS, "GRU of the m = 25 intrinsic units of r = 4", {"cell": "GRU", "hidden": 25}),
    "ghost2-100-relu": Row(
        GHOSTS, "r = 2, n = 100, a relu behind Phi", {"cell": "GhostRNN", "hidden": 100, "phi_activation": "relu"}
    ),
    "ghost2-100-linear": Row(
        GHOSTS, "r = 2, n = 100, nothing behind Phi", {"cell": "GhostRNN", "hidden": 100, "phi_activation": "linear"}
    ),
    "ghost2-100-diagonal": Row(
        GHOSTS, "r = 2, n = 100, a diagonal Phi", {"cell": "GhostRNN", "hidden": 100, "phi": "diagonal"}
    ),
    "fastgrnn-100": Row(FAST, "FastGRNN, n = 100, dense", {"cell": "FastGRNN", "hidden": 100}, paper="93.2, 57"),
    "fastgrnn-100-l": Row(FAST, "FastGRNN L: ranks 16 and 25", _FAST_LOW, paper="93.8, 41"),
    "fastgrnn-100-ls": Row(FAST, "FastGRNN LS: and 0.3 of the entries", _FAST_SPARSE, paper="92.6, 22"),
    "fastgrnn-100-lsq": Row(
        FAST, "FastGRNN LSQ: and straight lines", _FAST_SPARSE | {"piecewise_linear": True}, paper="92.1, 5.5"
    ),
    "fastrnn-100": Row(FAST, "FastRNN, n = 100", {"cell": "FastRNN", "hidden": 100}, paper="92.2, 56"),
    "lstm-100": Row(LARGE, "LSTM, 2 layers of 100, dense", _LSTM),
    "lstm-100-hybrid": Row(
        LARGE,
        "hybrid: Toeplitz-like below, shared factors above",
        _LSTM | _both("toeplitz", 11) | {"top": TopSettings(**_both("shared", 17))},
    ),
    "lstm-100-low-rank": Row(LARGE, "low rank, a factor a gate", _LSTM | _both("low_rank", 11)),
    "lstm-100-shared": Row(LARGE, "low rank, a factor shared by the gates", _LSTM | _both("shared", 18)),
    "lstm-100-toeplitz": Row(LARGE, "Toeplitz-like", _LSTM | _both("toeplitz", 11)),
    "rival": Row("A rival", "causal convolutions, 100 channels", {"cell": "GRU", "hidden": 100}, is_rival=True),
    # The models that are shipped: not trained alike, each by its own recipe.
    "commands": Row(SHIPPED, "`commands.onnx`: GhostRNN r = 2, n = 216, low rank", recipe="commands"),
    "commands-tiny": Row(SHIPPED, "`commands-tiny.onnx`: FastGRNN LSQ, n = 100", recipe="commands-tiny"),
}
