"""How unlike phones sound: like phones cost little, and a part can be compared alone."""

from __future__ import annotations

import numpy as np
import pytest

from kws_app.training.distance import BETWEEN, distances

COMPUTER = ["K", "AH", "M", "P", "Y", "UW", "T", "ER"]


def distance(target: str, candidate: str, *, inside: bool = False) -> float:
    return float(distances(target.split(), [candidate.split()], inside=inside)[0])


def test_a_string_is_nothing_from_itself_and_as_far_there_as_back() -> None:
    assert distance("S N OW B OY", "S N OW B OY") == 0
    assert distance("S N OW B OY", "S N OW D EY") == pytest.approx(distance("S N OW D EY", "S N OW B OY"))
    assert (BETWEEN == BETWEEN.T).all()
    assert (np.diag(BETWEEN)[1:] == 0).all()


@pytest.mark.parametrize(("near", "far"), [("T EH N", "K AE L"), ("D AE D", "M AE M"), ("B EH D", "B OY D")])
def test_phones_that_sound_alike_are_nearer(near: str, far: str) -> None:
    target = {"T EH N": "D EH N", "D AE D": "T AE D", "B EH D": "B IH D"}[near]

    assert distance(target, near) < distance(target, far)


def test_a_phone_too_many_costs_as_much_as_one_too_few() -> None:
    assert distance("K AA T", "K AA R T") == pytest.approx(distance("K AA R T", "K AA T"))


def test_what_stands_around_a_part_costs_nothing_inside() -> None:
    assert distance("S N OW", "DH AH S N OW M AE N", inside=True) == 0
    assert distance("S N OW", "DH AH S N OW M AE N") > 2


def test_candidates_of_different_lengths_do_not_disturb_each_other() -> None:
    candidates = [["K"], COMPUTER, COMPUTER[:5], ["AH", *COMPUTER, "Z"]]

    for inside in (False, True):
        alone = [float(distances(COMPUTER, [one], inside=inside)[0]) for one in candidates]
        assert distances(COMPUTER, candidates, inside=inside).tolist() == pytest.approx(alone)
