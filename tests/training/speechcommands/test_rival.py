"""The convolutional rival: its exported file is the network, filters and all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("onnx", reason="the training extra is not installed")

from kws_app.model.stepper import Model  # noqa: E402
from kws_app.training.card import make_card  # noqa: E402
from kws_app.training.export import network_scores, step_graph, stream_scores  # noqa: E402
from kws_app.training.lanes import steps_of  # noqa: E402
from kws_app.training.quantize import quantized  # noqa: E402
from kws_app.training.speechcommands.rival import Rival  # noqa: E402
from tests.training.test_export import MFCC, features, recipe  # noqa: E402


def rival() -> Rival:
    """Whose filters and statistics are spread as those of a trained one."""
    torch.manual_seed(3)
    network = Rival(MFCC, recipe("GRU", stack=2).network, 2)
    network.front.measure(torch.from_numpy(features(200))[:, None])
    with torch.no_grad():
        for name, value in network.cells.state_dict().items():
            if "filters" in name:
                value.mul_(torch.logspace(-1.5, 0.5, value.shape[1]))
            elif "running_var" in name:
                value.uniform_(0.2, 2.0)
            elif "running_mean" in name:
                value.normal_()
        network.head.bias.zero_()
    return network.eval()


def test_the_file_with_int8_weights_is_the_network_with_such_weights() -> None:
    network = rival()
    card = make_card(recipe("GRU", stack=2), network, corpus={"hours": 1.0, "speakers": 2}, measured={})
    stream = steps_of(features(), 2)

    heard = stream_scores(Model(Path("model.onnx"), step_graph(network, card)), stream)

    np.testing.assert_allclose(heard, network_scores(quantized(network), stream), atol=1e-4)
    assert np.abs(heard - network_scores(network, stream)).max() > 1e-3  # rounding is seen, so it was compared
