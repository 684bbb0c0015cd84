"""tenfold reads handwritten digits: data, training, models, submissions, pictures."""

import os
from typing import TYPE_CHECKING

# ONNX Runtime reads this when it is imported; without it, it stores an identifier of the machine and sends events.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = [
    "DataWarning",
    "Dataset",
    "Digit",
    "DigitClassifier",
    "Evaluation",
    "Leaderboard",
    "Model",
    "Reader",
    "Reading",
    "Run",
    "TenfoldError",
    "__version__",
    "check",
    "compare",
    "evaluate",
    "from_arrays",
    "from_frame",
    "load_data",
    "load_model",
    "load_recipe",
    "read",
    "train",
    "write_submission",
]

if TYPE_CHECKING:
    from tenfold.api.evaluation import Evaluation, compare, evaluate
    from tenfold.api.run import Run
    from tenfold.api.train import check, load_recipe, train, write_submission
    from tenfold.data import Dataset, load_data
    from tenfold.data.arrays import from_arrays, from_frame
    from tenfold.errors import DataWarning, TenfoldError
    from tenfold.estimator import DigitClassifier
    from tenfold.evaluation import Leaderboard
    from tenfold.model import Model, load_model
    from tenfold.ocr.reader import Reader, read
    from tenfold.ocr.reading import Digit, Reading

# Imported on first use: `tenfold --help` must not wait for NumPy and ONNX Runtime.
_MODULES = {
    "tenfold.api.evaluation": ("Evaluation", "compare", "evaluate"),
    "tenfold.api.run": ("Run",),
    "tenfold.api.train": ("check", "load_recipe", "train", "write_submission"),
    "tenfold.data": ("Dataset", "load_data"),
    "tenfold.data.arrays": ("from_arrays", "from_frame"),
    "tenfold.errors": ("DataWarning", "TenfoldError"),
    "tenfold.estimator": ("DigitClassifier",),
    "tenfold.evaluation": ("Leaderboard",),
    "tenfold.model": ("Model", "load_model"),
    "tenfold.ocr.reader": ("Reader", "read"),
    "tenfold.ocr.reading": ("Digit", "Reading"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tenfold' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
