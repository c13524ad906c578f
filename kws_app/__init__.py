"""A wake-word service for small boards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kws_app.events import Detection

if TYPE_CHECKING:
    from kws_app.detector import Detector

__all__ = ["Detection", "Detector", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load the detector, and ONNX Runtime with it, when somebody asks for it and not before."""
    if name == "Detector":
        from kws_app.detector import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
