"""``kws-train``: synthesize, train, export, evaluate. Each command's heavy imports wait until it runs."""

from __future__ import annotations

COMMANDS = {
    "synthesize": "kws_app.training.synthesize",
    "train": "kws_app.training.commands",
    "export": "kws_app.training.commands",
    "evaluate": "kws_app.training.evaluate",
}
