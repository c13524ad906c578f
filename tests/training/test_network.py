"""The network: bands out of cepstra, a level that follows the speaker, and state in one piece."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")

from kws_app.arrays import RATE, Samples  # noqa: E402
from kws_app.features.framing import Framing  # noqa: E402
from kws_app.features.mfcc import Mfcc, MfccSettings  # noqa: E402
from kws_app.training.network import Front, Network, NetworkSettings, inverse_dct  # noqa: E402
from tests.conftest import spoken_words  # noqa: E402

MFCC = MfccSettings(winlen=0.03, winstep=0.02, numcep=20, nfilt=20, appendEnergy=False, winfunc="hann")
RISE_FRAMES, FALL_FRAMES = 5, 150
"""0.1 s and 3 s in hops of 20 ms."""


@pytest.fixture
def front() -> Front:
    return Front(MFCC, NetworkSettings())


@pytest.fixture(params=[("GhostRNN", 1, 0), ("GhostRNN", 2, 3), ("FastGRNN", 1, 0), ("GRU", 2, 0)], ids=str)
def network(request: pytest.FixtureRequest) -> Network:
    cell, layers, context = request.param
    return made(NetworkSettings(cell=cell, hidden=8, layers=layers, context=context))


def made(settings: NetworkSettings) -> Network:
    """A network of random weights, measured over a word or two."""
    torch.manual_seed(0)
    network = Network(MFCC, settings, 2)
    network.front.measure(coefficients(spoken_words("rise", "fall")))
    return network.eval()


def coefficients(samples: Samples) -> torch.Tensor:
    """Of one stream, ``(frames, 1, numcep)``."""
    return torch.from_numpy(Mfcc(MFCC).compute(Framing(MFCC).push(samples)))[:, None]


def bands_at(level: float, frames: int) -> torch.Tensor:
    """The coefficients of frames in which every band has the same log energy."""
    features = torch.zeros(frames, 1, MFCC.numcep)
    features[..., 0] = math.sqrt(MFCC.nfilt) * level
    return features


def noise(deviation: float, seconds: float) -> Samples:
    samples = np.random.default_rng(0).normal(scale=deviation, size=int(seconds * RATE))
    return np.rint(samples).astype(np.int16)


@pytest.mark.parametrize("ceplifter", [0, 22])
def test_the_inverse_takes_the_references_cepstra_back_to_its_log_bands(ceplifter: int) -> None:
    speech_features = pytest.importorskip("python_speech_features", reason="the definition is in the training extra")
    mfcc = replace(MFCC, ceplifter=ceplifter)
    parameters = asdict(mfcc) | {"winfunc": np.hanning}
    of_bands = parameters.keys() - {"numcep", "ceplifter", "appendEnergy"}
    samples = spoken_words("rise", "fall")

    cepstra = speech_features.mfcc(samples, **parameters)

    energies, _ = speech_features.fbank(samples, **{name: parameters[name] for name in of_bands})
    np.testing.assert_allclose(cepstra @ inverse_dct(mfcc), np.log(energies), atol=1e-4)


def test_the_level_rises_in_a_tenth_of_a_second(front: Front) -> None:
    loud = 20.0

    _, level = front.follow(bands_at(loud, RISE_FRAMES), torch.zeros(1, 1))

    assert level.item() == pytest.approx((loud - front.floor) * (1 - 1 / math.e), rel=1e-4)


def test_the_level_falls_in_three_seconds(front: Front) -> None:
    silence = -30.0

    _, level = front.follow(bands_at(silence, FALL_FRAMES), torch.full((1, 1), 10.0))

    assert level.item() == pytest.approx(10 / math.e, rel=1e-4)


def test_a_speaker_ten_times_as_loud_looks_the_same_once_the_level_has_settled(front: Front) -> None:
    """20 dB move every log band by 4.6."""
    quiet = noise(300, 10.0)
    settled = slice(-50, None)

    near, _ = front(coefficients(quiet * 10), torch.zeros(1, 1))
    far, _ = front(coefficients(quiet), torch.zeros(1, 1))

    torch.testing.assert_close(near[settled], far[settled], atol=0.1, rtol=0)


def test_a_word_in_a_silent_room_looks_as_it_does_in_a_noisy_one(front: Front) -> None:
    """Bands that lie 43 and 65 dB below the level of the others."""
    frame = torch.full((1, 1, MFCC.nfilt), 20.0)
    noisy = frame.clone()
    frame[..., ::4], noisy[..., ::4] = 5.0, 10.0
    to_cepstra = torch.linalg.inv(front.bands)

    silent_room, _ = front.follow(frame @ to_cepstra, torch.full((1, 1), 17.0))
    noisy_room, _ = front.follow(noisy @ to_cepstra, torch.full((1, 1), 17.0))

    assert silent_room.min() > -front.depth - 1e-3
    torch.testing.assert_close(silent_room, noisy_room, atol=0.3, rtol=0)


def test_digital_silence_looks_like_a_quiet_room(front: Front) -> None:
    """Their log bands are 35 apart."""
    silence, _ = front(coefficients(np.zeros(RATE, np.int16)), torch.zeros(1, 1))
    room, _ = front(coefficients(noise(0.5, 1.0)), torch.zeros(1, 1))

    torch.testing.assert_close(silence, room, atol=1.0, rtol=0)


def test_digital_silence_after_a_word_gives_finite_scores_and_state(network: Network) -> None:
    samples = np.concatenate([spoken_words("rise"), np.zeros(10 * RATE, np.int16)])

    logits, state = network(coefficients(samples), network.start(1))

    assert logits.isfinite().all()
    assert state.isfinite().all()


def test_frames_side_by_side_are_normalised_as_they_are_one_by_one() -> None:
    features = coefficients(spoken_words("rise"))[:100]

    pairs, level = Front(MFCC, NetworkSettings(stack=2))(features.reshape(50, 1, -1), torch.zeros(1, 1))

    one_by_one, last = Front(MFCC, NetworkSettings())(features, torch.zeros(1, 1))
    torch.testing.assert_close(pairs.reshape(100, 1, -1), one_by_one)
    torch.testing.assert_close(level, last)


def test_what_was_measured_has_mean_0_and_deviation_1(front: Front) -> None:
    features = coefficients(spoken_words("rise", "fall"))

    front.measure(features)

    relative, _ = front.follow(features, torch.zeros(1, 1))
    scaled = (relative - front.mean) / front.deviation
    torch.testing.assert_close(scaled.mean(dim=(0, 1)), torch.zeros(MFCC.nfilt), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std(dim=(0, 1)), torch.ones(MFCC.nfilt))


def test_features_are_measured_on_the_device_where_they_are(front: Front) -> None:
    elsewhere = front.to("meta")  # mixes with the processor's numbers as little as a GPU does

    elsewhere.measure(torch.zeros(50, 3, MFCC.numcep, device="meta"))

    assert elsewhere.mean.device.type == "meta"


def test_nothing_reaches_the_cells_beyond_six_deviations(front: Front) -> None:
    normalised, _ = front(bands_at(1000, 1), torch.zeros(1, 1))

    assert normalised.max() == 6


def test_features_whose_first_coefficient_is_the_energy_are_refused() -> None:
    with pytest.raises(ValueError, match="appendEnergy must be off"):
        Network(replace(MFCC, appendEnergy=True), NetworkSettings(), 1)


def test_a_new_network_scores_low(network: Network) -> None:
    logits, _ = network(coefficients(noise(10, 1.0)), network.start(1))

    assert torch.sigmoid(logits).max() < 0.1


def test_the_state_is_the_level_the_bands_before_and_every_cells_own(network: Network) -> None:
    features = coefficients(spoken_words("rise"))

    _, state = network(features, network.start(1))

    level, before, *cells = state.split(network.parts, dim=1)
    assert [part.shape[1] for part in cells] == [cell.state_size for cell in network.cells]
    x, expected_level = network.front(features, torch.zeros(1, 1))
    x, expected_before = network.beside(x, torch.zeros_like(before))
    _, expected_first = network.cells[0](x, torch.zeros(1, network.parts[2]))
    torch.testing.assert_close(level, expected_level)
    torch.testing.assert_close(before, expected_before)
    torch.testing.assert_close(cells[0], expected_first)


def test_one_frame_after_another_gives_what_all_at_once_give(network: Network) -> None:
    features = coefficients(spoken_words("rise"))
    unrolled, last = network(features, network.start(1))

    state, stepped = network.start(1), []
    for frame in features:
        logits, state = network(frame[None], state)
        stepped.append(logits)

    torch.testing.assert_close(torch.cat(stepped), unrolled, atol=1e-5, rtol=0)
    torch.testing.assert_close(state, last, atol=1e-5, rtol=0)


def test_a_step_is_read_beside_the_steps_before_it_also_where_a_chunk_ends() -> None:
    network = made(NetworkSettings(hidden=8, stack=2, context=2))
    x = torch.arange(5.0)[:, None, None].expand(5, 1, 2 * MFCC.nfilt)
    nothing = torch.zeros(1, network.parts[1])

    wide, _ = network.beside(x, nothing)

    steps = wide.unflatten(2, (3, -1))[:, 0, :, 0].tolist()
    assert steps == [[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 2, 1], [4, 3, 2]]
    first, left = network.beside(x[:2], nothing)
    second, _ = network.beside(x[2:], left)
    assert torch.equal(torch.cat([first, second]), wide)


def test_lanes_do_not_hear_each_other(network: Network) -> None:
    rise, fall = coefficients(spoken_words("rise")), coefficients(spoken_words("fall"))

    together, _ = network(torch.cat([rise, fall], dim=1), network.start(2))

    for lane, features in enumerate((rise, fall)):
        alone, _ = network(features, network.start(1))
        torch.testing.assert_close(together[:, lane : lane + 1], alone, atol=1e-5, rtol=0)


def test_a_head_for_phones_changes_neither_the_scores_nor_what_is_counted() -> None:
    plain = made(NetworkSettings(hidden=8))
    torch.manual_seed(0)
    learner = Network(MFCC, NetworkSettings(hidden=8), 2, phones=40)
    features = coefficients(spoken_words("rise"))
    learner.front.measure(coefficients(spoken_words("rise", "fall")))

    assert learner.parameters_trained == plain.parameters_trained
    torch.testing.assert_close(learner(features, learner.start(1)), plain(features, plain.start(1)))
