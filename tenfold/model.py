"""`Model`: a trained network to use, on NumPy and ONNX Runtime alone."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tenfold.cpu import cores
from tenfold.errors import RunError
from tenfold.external import has_external_data
from tenfold.images import CLASSES, SIDE, Images
from tenfold.run import Run
from tenfold.weights import read_weights

BUNDLED = "bundled"
BATCH = 128  # images handed to ONNX Runtime at once: enough to be quick, and the layers' outputs stay near the core
WORTH_A_THREAD = 32  # images a thread from which splitting the batch beats splitting each layer


class Model:
    """Reads 28x28 images of digits.

    content: the bytes of an ONNX file that takes uint8 (N, 28, 28), white ink (255) on black, and gives float32
    (N, 10), and perhaps `digitness`, float32 (N,). Weights outside the file are refused. threads: that compute a batch;
    None for one a core. Raises RunError for anything else, ValueError for less than one thread.
    """

    def __init__(self, content: bytes, name: str = "model.onnx", threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"expected at least one thread, got {threads}")
        try:
            if has_external_data(content):
                raise ValueError("its weights lie in other files")
            self._session = _session(content, threads or 0)
        except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
            reason = str(error).splitlines()[0][:200]
            raise RunError(f"{name}: this is no ONNX model that can be used here ({reason})") from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if not _is(inputs, "tensor(uint8)", [SIDE, SIDE]):
            raise RunError(f"{name}: expected a model that takes uint8 images (N, 28, 28), not {_said(inputs)}")
        self.tells_digits = [value.name for value in outputs[1:]] == ["digitness"]
        if not _is(outputs[:1], "tensor(float)", [CLASSES]) or len(outputs) != 1 + self.tells_digits:
            raise RunError(f"{name}: expected a model that gives float (N, 10), not {_said(outputs)}")
        self._input: str = inputs[0].name
        self._content = content
        self._threads = threads or max(1, int(cores()))
        self.name = name
        self.digest = hashlib.sha256(content).hexdigest()
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def predict_proba(self, images: Images) -> NDArray[np.float32]:
        """The probability of each digit, float32 (N, 10).

        images: uint8 (N, 28, 28), white ink (255) on black (0). Raises ValueError for another type or shape.
        """
        return self._answers(images)[0]

    def digitness(self, images: Images) -> NDArray[np.float32]:
        """The probability that each image shows a digit at all, float32 (N,); same input as `predict_proba`.

        A model that was not trained to tell stands in with its highest probability, and 0 for an image without
        contrast: such a model is sure of many things that are no digits.
        """
        return self.predict_both(images)[1]

    def predict(self, images: Images) -> NDArray[np.uint8]:
        """The likeliest digit of each image, uint8 (N,); same input as `predict_proba`."""
        digits: NDArray[np.uint8] = self.predict_proba(images).argmax(axis=1).astype(np.uint8)
        return digits

    def predict_both(self, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`predict_proba` and `digitness` in one pass."""
        probabilities, digitness = self._answers(images)
        return probabilities, _stand_in(np.asarray(images), probabilities) if digitness is None else digitness

    def _answers(self, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probabilities (N, 10), and digitness (N,) where the network has an output for it."""
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
            raise ValueError(f"expected uint8 images (N, 28, 28), got {images.dtype} {images.shape}")
        probabilities = np.empty((len(images), CLASSES), np.float32)
        digitness = np.empty(len(images), np.float32) if self.tells_digits else None
        apart = self._threads > 1 and len(images) >= self._threads * WORTH_A_THREAD
        session = self._single if apart else self._session
        step = min(BATCH, math.ceil(len(images) / self._threads)) if apart else BATCH

        def answer(start: int) -> None:
            rows = slice(start, start + step)
            probabilities[rows], *told = session.run(None, {self._input: np.ascontiguousarray(images[rows])})
            if digitness is not None:
                digitness[rows] = told[0].reshape(-1)

        starts = range(0, len(images), step)
        if apart:
            with ThreadPoolExecutor(self._threads) as threads:
                list(threads.map(answer, starts))
        else:
            list(map(answer, starts))
        return probabilities, digitness

    @cached_property
    def _single(self) -> onnxruntime.InferenceSession:
        """For threads that split the batch: 1.1 to 1.5 times as quick on two cores as splitting each small layer."""
        return _session(self._content, 1)


def _session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    """threads: that share each layer; 0 for one a core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its own log would say what the exception says
    options.add_session_config_entry("session.load_model_format", "ONNX")  # no other format is looked through
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _stand_in(images: Images, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    pixels = images.reshape(len(images), -1)
    contrast = pixels.max(axis=1) > pixels.min(axis=1)
    return np.where(contrast, probabilities.max(axis=1), np.float32(0))


def _is(values: Sequence[Any], kind: str, shape: list[int]) -> bool:
    """Whether a model's inputs or outputs are one of this type, of any number N of rows of this shape."""
    if [value.type for value in values] != [kind] or values[0].shape[1:] != shape:
        return False
    return not isinstance(values[0].shape[0], int)  # a name or None: any number


def _said(values: Sequence[Any]) -> str:
    return ", ".join(f"{value.type} {value.shape}" for value in values)


def is_bundled(path: str | os.PathLike[str]) -> bool:
    """Whether this names the model that tenfold brings, and not a file or folder of that name."""
    return os.fspath(path) == BUNDLED and not Path(path).exists()


def load_model(path: str | os.PathLike[str] | None = None, threads: int | None = None) -> Model:
    """The model of a run folder, or an .onnx file; without a path, or for "bundled", the one that tenfold brings.

    threads: that compute a batch; None for one a core. Raises RunError.
    """
    if path is None or is_bundled(path):
        return Model(read_weights("digits"), BUNDLED, threads)
    path = Path(path)
    file = path / "model.onnx" if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise RunError(
            f"{path}: there is no model.onnx in this folder; a run has one once its training was stopped or done"
        )
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunError(f"{file}: {error.strerror or error}; expected a run folder or an .onnx file") from None
    if path.is_dir():
        Run(path).verify(file, content)
    return Model(content, str(path), threads)
