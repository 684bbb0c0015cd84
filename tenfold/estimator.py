"""`DigitClassifier`: a recipe as an estimator of scikit-learn."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.api.train import train
from tenfold.data.arrays import from_arrays
from tenfold.data.formats.labels import decode_labels
from tenfold.errors import DataWarning, RecipeError, TenfoldError, UnavailableError
from tenfold.images import SIDE
from tenfold.pixels import to_array

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    message = "DigitClassifier needs scikit-learn 1.6 or newer; install it with: pip install scikit-learn"
    raise UnavailableError(message) from error


class DigitClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Train a recipe with `fit`, predict with `predict` and `predict_proba`.

    recipe: a name or a .toml file. epochs: instead of the recipe's. random_state: the seed, an integer; None for the
    recipe's. settings: other settings of the recipe, such as `{"optimizer.lr": 0.02}`. device, precision: as for
    `tenfold.train`. verbose: whether to show the progress.

    X is (N, 784) or (N, 28, 28), of integers 0 to 255 or any usual scale of floats. y are digits: integers or texts.
    After `fit`: `classes_`, the labels that occur; `model_`, the trained `Model`; `metrics_`, the figures of the run.
    The folder of the run is temporary; `tenfold.train` keeps it. A pickled estimator holds the bytes of its ONNX file.

    >>> import tenfold
    >>> digits = tenfold.load_data("digits").train
    >>> classifier = DigitClassifier(epochs=1, settings={"batch_size": 64}).fit(digits.images, digits.labels)
    >>> classifier.predict(digits.images[:3]).shape
    (3,)
    """

    def __init__(
        self,
        recipe: str = "fast",
        *,
        epochs: int | None = None,
        random_state: int | None = None,
        settings: dict[str, Any] | None = None,
        device: str = "auto",
        precision: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.random_state = random_state
        self.settings = settings
        self.device = device
        self.precision = precision
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> DigitClassifier:  # noqa: N803 (scikit-learn's name)
        """Train on images X and labels y. Raises ValueError for what can't be trained on."""
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
        check_classification_targets(y)
        images = self._images(X, reset=True)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"the number of classes has to be greater than one; every label is {self.classes_[0]}")
        try:
            self._train(images, y)
        except RecipeError:
            raise
        except TenfoldError as error:
            raise ValueError(str(error)) from error
        return self

    def _train(self, images: NDArray[Any], y: NDArray[Any]) -> None:
        self._digits = decode_labels(self.classes_, len(self.classes_), "y")
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore", DataWarning)  # any scale is welcome here
            run = train(
                from_arrays(images, y, source="X and y"),
                self.recipe,
                out=Path(folder) / "run",
                epochs=self.epochs,
                seed=None if self.random_state is None else int(self.random_state),
                device=self.device,
                precision=self.precision,
                progress=self.verbose,
                **(self.settings or {}),
            )
            self.model_, self.metrics_ = run.model, run.metrics

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The label of each image, (N,), of the type of `y`."""
        check_is_fitted(self)
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """The probability of each of `classes_`, float64 (N, C)."""
        check_is_fitted(self)
        images = self._images(X, reset=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            probabilities = self.model_.predict_proba(images)[:, self._digits].astype(np.float64)
        total = probabilities.sum(axis=1, keepdims=True)
        scaled: NDArray[np.float64] = np.divide(
            probabilities, total, out=np.full_like(probabilities, 1 / len(self._digits)), where=total > 0
        )
        return scaled

    def _images(self, X: Any, reset: bool) -> NDArray[Any]:  # noqa: N803
        """(N, 28, 28), checked as scikit-learn checks its inputs."""
        array = to_array(X) if hasattr(X, "detach") or getattr(X, "ndim", 2) > 2 else X
        if getattr(array, "ndim", 2) > 2:
            array = array.reshape(len(array), -1)
        flat = validate_data(self, array, reset=reset, dtype="numeric")
        if flat.shape[1] != SIDE * SIDE:
            raise ValueError(f"X has {flat.shape[1]} features, but DigitClassifier expects {SIDE * SIDE} pixels")
        images: NDArray[Any] = flat.reshape(-1, SIDE, SIDE)
        return images
