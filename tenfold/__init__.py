"""tenfold reads handwritten digits: data, training, models, submissions, pictures."""

import os
from typing import TYPE_CHECKING

# ONNX Runtime reads this when it is imported; without it, it stores an identifier of the machine and sends events.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "Digit",
    "Model",
    "Reader",
    "Reading",
    "TenfoldError",
    "__version__",
    "load_data",
    "load_model",
    "read",
]

if TYPE_CHECKING:
    from tenfold.data import Dataset, load_data
    from tenfold.errors import TenfoldError
    from tenfold.model import Model, load_model
    from tenfold.ocr.reader import Reader, read
    from tenfold.ocr.reading import Digit, Reading

# Imported on first use: `tenfold --help` must not wait for NumPy and ONNX Runtime.
_MODULES = {
    "Dataset": "tenfold.data",
    "load_data": "tenfold.data",
    "Model": "tenfold.model",
    "load_model": "tenfold.model",
    "TenfoldError": "tenfold.errors",
    "Digit": "tenfold.ocr.reading",
    "Reading": "tenfold.ocr.reading",
    "Reader": "tenfold.ocr.reader",
    "read": "tenfold.ocr.reader",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'tenfold' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
