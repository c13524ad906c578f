"""The words that people use, with their phones: PocketSphinx's dictionary, commonest words first."""

from __future__ import annotations

from functools import cache
from itertools import islice
from pathlib import Path

from kws_app.errors import ConfigError, Fault

Pronunciations = dict[str, list[tuple[str, ...]]]
"""By word, its phones without stress, in one variant or more."""


def common_words(count: int) -> Pronunciations:
    """The *count* commonest words of American English that are written in letters alone.

    Raises:
        ConfigError: PocketSphinx is not installed.
    """
    return dict(islice(_commonest_first().items(), count))


@cache
def _commonest_first() -> Pronunciations:
    try:
        from pocketsphinx import Config, LogMath, NGramModel, get_model_path
    except ImportError as error:
        message = "need PocketSphinx's dictionary: pip install pocketsphinx, or the extra training"
        raise ConfigError(Fault("near misses", None, "", message)) from error
    folder = Path(get_model_path("en-us"))
    words: Pronunciations = {}
    with (folder / "cmudict-en-us.dict").open(encoding="utf-8") as lines:
        for name, *phones in map(str.split, lines):
            word = name.partition("(")[0]  # what stands there numbers a word's variants
            if word.isalpha() and (len(word) > 1 or word in "ai"):  # no letters of the alphabet
                words.setdefault(word, []).append(tuple(phones))
    model = NGramModel(Config(lm=None), LogMath(), str(folder / "en-us.lm.bin"))
    return {word: words[word] for word in sorted(words, key=lambda word: model.prob([word]), reverse=True)}
