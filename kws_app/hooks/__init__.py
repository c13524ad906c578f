"""What happens then. Every module here but ``runner`` is a kind of hook; a further kind is one new file.

A kind's module has its name and a dataclass ``Settings(HookSettings)`` with a field of that name, which is how an
entry in config.yaml says its kind. See ``command`` and ``callback``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module

from kws_app.hooks.runner import HookSettings


class Kinds(Mapping[str, type[HookSettings]]):
    """The settings of every kind by its name; a kind that nobody asks for is not imported."""

    def __getitem__(self, kind: str) -> type[HookSettings]:
        if kind not in list(self):
            raise KeyError(kind)
        settings: type[HookSettings] = import_module(f"{__name__}.{kind}").Settings
        return settings

    def __iter__(self) -> Iterator[str]:
        return (module.name for module in pkgutil.iter_modules(__path__) if module.name != "runner")

    def __len__(self) -> int:
        return sum(1 for _ in self)
