"""How unlike strings of phones sound: an edit distance in which like phones cost little.

One is a phone replaced by one that nobody takes for it. "snow day" is 0.8 from "snow boy", "commuter" 0.7 from
"computer". The numbers order what is near; no listener has checked them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws_app.training.phones import PHONES

Distances = npt.NDArray[np.float32]

# How open the mouth is (stops 0, glides 1.3), where it is narrowest (lips 0, throat 1), and whether the voice sounds.
_CONSONANTS = {
    "P": (0, 0, 0), "B": (0, 0, 0.2), "T": (0, 0.3, 0), "D": (0, 0.3, 0.2), "K": (0, 0.7, 0), "G": (0, 0.7, 0.2),
    "CH": (0.2, 0.45, 0), "JH": (0.2, 0.45, 0.2), "F": (0.4, 0.1, 0), "V": (0.4, 0.1, 0.2), "TH": (0.4, 0.2, 0),
    "DH": (0.4, 0.2, 0.2), "S": (0.4, 0.35, 0), "Z": (0.4, 0.35, 0.2), "SH": (0.4, 0.5, 0), "ZH": (0.4, 0.5, 0.2),
    "HH": (0.5, 1, 0), "M": (0.8, 0, 0.2), "N": (0.8, 0.3, 0.2), "NG": (0.8, 0.7, 0.2), "L": (1.1, 0.3, 0.2),
    "R": (1.1, 0.45, 0.2), "W": (1.3, 0.1, 0.2), "Y": (1.3, 0.55, 0.2),
}  # fmt: skip
# Where the tongue begins and ends, each from front to back and from open to close, and whether there is an r in it.
_VOWELS = {
    "IY": (0, 1, 0, 1, 0), "IH": (0.15, 0.8, 0.15, 0.8, 0), "EY": (0.1, 0.6, 0, 0.9, 0),
    "EH": (0.15, 0.5, 0.15, 0.5, 0), "AE": (0.2, 0.2, 0.2, 0.2, 0), "AA": (0.8, 0, 0.8, 0, 0),
    "AH": (0.5, 0.4, 0.5, 0.4, 0), "AO": (0.9, 0.3, 0.9, 0.3, 0), "OW": (0.8, 0.6, 0.9, 0.85, 0),
    "UH": (0.8, 0.8, 0.8, 0.8, 0), "UW": (0.9, 1, 0.9, 1, 0), "ER": (0.5, 0.5, 0.5, 0.5, 1),
    "AY": (0.6, 0.1, 0.15, 0.9, 0), "AW": (0.6, 0.1, 0.85, 0.9, 0), "OY": (0.9, 0.35, 0.1, 0.9, 0),
}  # fmt: skip
_VOWEL_WEIGHTS = np.array([0.3, 0.3, 0.3, 0.3, 0.4])
_ALIKE = {("W", "UW"): 0.5, ("Y", "IY"): 0.5, ("R", "ER"): 0.4}
"""A vowel and a consonant are otherwise 1 apart."""

ADDED, WEAK = 0.7, 0.5
"""What a phone too many or too few costs; a weak one is hardly heard."""
_WEAK = ("AH", "HH")

VOWELS, CONSONANTS = tuple(_VOWELS), tuple(_CONSONANTS)


def _between() -> Distances:
    table = np.ones((len(PHONES), len(PHONES)), np.float32)
    for group, weights in ((_CONSONANTS, np.ones(3)), (_VOWELS, _VOWEL_WEIGHTS)):
        places = np.array(list(group.values()), float)
        index = [PHONES.index(phone) for phone in group]
        table[np.ix_(index, index)] = (np.abs(places[:, None] - places) @ weights).clip(0, 1)
    for (one, other), distance in _ALIKE.items():
        table[PHONES.index(one), PHONES.index(other)] = table[PHONES.index(other), PHONES.index(one)] = distance
    return table


BETWEEN = _between()
"""Distance of two phones, by their index in ``PHONES``."""

_CODES = {phone: code for code, phone in enumerate(PHONES)}
_ADDED = np.array([WEAK if phone in _WEAK else ADDED for phone in PHONES], np.float32)


def distances(target: Sequence[str], candidates: Sequence[Sequence[str]], *, inside: bool = False) -> Distances:
    """The distance of every candidate to *target*, both in phones without stress, float32 ``(candidates,)``.

    Args:
        inside: what a candidate has before and after its part that is nearest to *target* costs nothing.
    """
    lengths = np.array([len(phones) for phones in candidates], int)
    longest = int(lengths.max(initial=0))
    codes = np.zeros((len(candidates), longest), int)
    codes[np.arange(longest) < lengths[:, None]] = [_CODES[phone] for phones in candidates for phone in phones]
    added = _ADDED[codes]
    costs = np.zeros((longest + 1, len(candidates)), np.float32)  # of the target so far in each candidate so far
    if not inside:
        costs[1:] = added.cumsum(axis=1).T
    for phone in (_CODES[phone] for phone in target):
        above, costs = costs, np.empty_like(costs)
        costs[0] = above[0] + _ADDED[phone]
        for end in range(longest):
            replaced = above[end] + BETWEEN[phone, codes[:, end]]
            costs[end + 1] = np.minimum(
                replaced, np.minimum(above[end + 1] + _ADDED[phone], costs[end] + added[:, end])
            )
    if inside:
        costs[np.arange(longest + 1)[:, None] > lengths] = np.inf
        return np.asarray(costs.min(axis=0), np.float32)
    return np.asarray(costs[lengths, np.arange(len(candidates))], np.float32)
