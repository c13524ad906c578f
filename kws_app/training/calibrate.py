"""``kws-train calibrate``: the thresholds and figures of an evaluation, on the card of the model that was judged."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kws_app.errors import ConfigError, Fault, ModelError
from kws_app.model.card import CARD_KEY, Card
from kws_app.model.stepper import Model, load_model
from kws_app.training.card import counted
from kws_app.training.commands import read_json
from kws_app.wholefile import whole


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "calibrate",
        help="put the thresholds that an evaluation chose on a model's card",
        description="Write a model anew with the thresholds and figures of its evaluation on its card; the network "
        "stays as it is. A shipped model becomes one for the sounds of your own home.",
        epilog="example: kws-train calibrate models/wakewords-en.onnx --measured dev.json --out mine.onnx",
    )
    parser.add_argument("model", type=Path, help="the .onnx file that was judged")
    parser.add_argument("--measured", type=Path, required=True, metavar="JSON", help="what kws-train evaluate wrote")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the model with its new card, if that is one that the daemon reads."""
    import onnx

    found = read_json(args.measured, "keywords", "digest", "split", "rests_on")
    model, content = load_model(args.model), args.model.read_bytes()
    faults = [Fault(str(args.measured), None, *fault) for fault in _faults(found, model.card, content)]
    if faults:
        raise ConfigError(*faults)
    graph = onnx.load_model_from_string(content)
    properties = {entry.key: entry.value for entry in graph.metadata_props}
    onnx.helper.set_model_props(graph, properties | {CARD_KEY: calibrated(model.card, found["keywords"]).to_json()})
    content = graph.SerializeToString()
    try:
        Model(args.out, content)
    except ModelError as error:
        raise ConfigError(Fault(str(args.measured), None, "keywords", f"makes no model: {error}")) from error
    with whole(args.out) as file:
        file.write(content)
    print(f"{args.out}: thresholds of {', '.join(model.card.keyword_ids)}")
    return 0


def _faults(found: Mapping[str, Any], card: Card, content: bytes) -> Iterator[tuple[str, str]]:
    """Places and sentences: why what an evaluation found is not for the card of the model with that *content*."""
    if hashlib.sha256(content).hexdigest() != found["digest"]:
        yield "digest", "was measured on another file; run kws-train evaluate on this one"
    if found["split"] != "dev":
        yield "split", f"is {found['split']}: no thresholds were chosen on it"
    for keyword in card.keyword_ids:
        entry = found["keywords"].get(keyword) if isinstance(found["keywords"], dict) else None
        for key in ("thresholds", "figures"):
            if not isinstance(entry, dict) or not isinstance(entry.get(key), dict):
                yield f"keywords.{keyword}.{key}", "is missing"


def calibrated(card: Card, measured: Mapping[str, Any]) -> Card:
    """*card* with what ``kws-train evaluate`` found: ``thresholds`` and ``figures`` of each keyword."""
    return replace(
        card,
        keywords=tuple(replace(keyword, thresholds=measured[keyword.id]["thresholds"]) for keyword in card.keywords),
        measured={keyword: counted(measured[keyword]["figures"]) for keyword in card.keyword_ids},
    )
