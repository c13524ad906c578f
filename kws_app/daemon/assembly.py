"""What a configuration asks for, made and checked; the same for ``run``, a reload and ``check``."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_app.config import LoadedConfig
from kws_app.daemon.socketfile import LONGEST_PATH
from kws_app.errors import ConfigError, Fault, HookError, ModelError
from kws_app.hooks.runner import EVENTS, Hook, HookSettings
from kws_app.model.stepper import Model, load_model
from kws_app.pipeline import KeywordSettings, Pipeline
from kws_app.schema import did_you_mean

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything but the source."""

    config: LoadedConfig
    model: Model
    pipeline: Pipeline
    hooks: Sequence[Hook]

    @property
    def state_folder(self) -> Path:
        """Where what is to survive a restart is kept."""
        return self.config.values.state.place(self.config.folder)


def assemble(config: LoadedConfig) -> Assembly:
    """Load the model, make the pipeline, open the hooks.

    Raises:
        ConfigError: every mistake in the configuration, and everything in it that cannot be had.
    """
    faults = list(config.faults)
    hooks = list(_hooks(config, faults))
    if not config.values.control.has_group:
        faults.append(config.fault("control.group", f"there is no group '{config.values.control.group}'"))
    socket = config.values.control.socket  # where none is asked for, one that cannot be had is done without
    if socket is not None and len(os.fsencode(config.folder / socket)) > LONGEST_PATH:
        faults.append(config.fault("control.socket", f"the kernel takes a path of at most {LONGEST_PATH} bytes"))
    if any(fault.path.partition(".")[0] == "model" for fault in faults):
        raise ConfigError(*_in_order(faults))  # which keywords there are is not known
    try:
        model = load_model(config.model_path)
        pipeline = Pipeline(model, _known_keywords(config, model, faults))
    except ModelError as error:
        faults.append(config.fault("model.path", str(error)))
    if faults:
        raise ConfigError(*_in_order(faults))
    return Assembly(config, model, pipeline, hooks)


def _in_order(faults: list[Fault]) -> list[Fault]:
    """As they stand in the file, one a place: the first that was seen is the reason for the others."""
    one_a_place: dict[str, Fault] = {}
    for fault in faults:
        one_a_place.setdefault(fault.path, fault)
    return sorted(one_a_place.values(), key=lambda fault: fault.line or 0)


def _hooks(config: LoadedConfig, faults: list[Fault]) -> Iterator[Hook]:
    for place, settings in _sound_hooks(config):
        path = f"hooks[{place}].{settings.kind}"
        if not settings.on:
            faults.append(config.fault(f"hooks[{place}].on", f"names no event{did_you_mean('', EVENTS)}"))
        try:
            yield settings.open(config.folder)
        except HookError as error:
            faults.append(config.fault(path, str(error)))
        except (Exception, SystemExit) as error:
            logger.error("%s: cannot be opened", path, exc_info=error)
            faults.append(config.fault(path, f"raised {error!r}"))


def _known_keywords(config: LoadedConfig, model: Model, faults: list[Fault]) -> dict[str, KeywordSettings]:
    """The keywords that the model can hear; the others, and hooks that wait for what nobody listens for, are faults."""
    known, chosen = model.card.keyword_ids, config.values.keywords
    if not chosen:
        faults.append(config.fault("keywords", f"names none to listen for{did_you_mean('', known)}"))
    for keyword in chosen:
        if keyword not in known:
            message = f"the model has no such keyword{did_you_mean(keyword, known)}"
            faults.append(config.fault(f"keywords.{keyword}", message))
    for place, hook in _sound_hooks(config):
        for index, keyword in enumerate(hook.keywords):
            if keyword not in chosen:
                message = f"'{keyword}' is not listened for{did_you_mean(keyword, chosen)}"
                faults.append(config.fault(f"hooks[{place}].keywords[{index}]", message))
    return {keyword: settings for keyword, settings in chosen.items() if keyword in known and settings is not None}


def _sound_hooks(config: LoadedConfig) -> Iterator[tuple[int, HookSettings]]:
    """The hooks by their place in the file, without those that nothing could be made of."""
    return ((place, hook) for place, hook in enumerate(config.values.hooks) if hook is not None)
