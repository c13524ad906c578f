"""``kws-app check``: whether the daemon would start, short of opening the microphone."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kws_app.cli.options import add_config
from kws_app.errors import EX_OK, ConfigError

if TYPE_CHECKING:
    from kws_app.daemon.assembly import Assembly

EXAMPLES = """\
examples:
  kws-app check
  kws-app check -c new.yaml && cp new.yaml /etc/kws-app/config.yaml
  kws-app check --json

ends with 78 if anything is wrong
"""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "check",
        help="check configuration, model and hooks without listening",
        description="Check configuration, model, card and hooks without opening the microphone.",
        epilog=EXAMPLES,
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="the verdict as one line of JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Say what the configuration amounts to.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    from kws_app.config import examine_config
    from kws_app.daemon.assembly import assemble

    try:
        facts = _facts(assemble(examine_config(args.config)))
    except ConfigError as error:
        if args.json:
            print(json.dumps({"valid": False, "faults": [asdict(fault) for fault in error.faults]}))
        raise
    print(json.dumps(facts) if args.json else _told(facts))
    return EX_OK


def _facts(assembly: Assembly) -> dict[str, Any]:
    config, card = assembly.config, assembly.model.card
    return {
        "valid": True,
        "config": None if config.file is None else str(config.file),
        "model": {"path": str(config.model_path), "name": card.name, "created": card.created, "licence": card.licence},
        "keywords": assembly.pipeline.thresholds,
        "hooks": [{"hook": hook.name, "on": hook.settings.on} for hook in assembly.hooks],
    }


def _told(facts: dict[str, Any]) -> str:
    model = facts["model"]
    return "\n".join(
        [
            f"configuration  {facts['config'] or 'none found; the defaults'}",
            f"model          {model['name']} of {model['created']}, {model['licence']} ({model['path']})",
            *(f"keyword        {keyword}, fires at {threshold:g}" for keyword, threshold in facts["keywords"].items()),
            *(f"hook           {hook['hook']}, on {', '.join(hook['on'])}" for hook in facts["hooks"]),
            "all is well",
        ]
    )
