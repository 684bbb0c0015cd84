"""`Model`: a trained network for prediction, on NumPy and ONNX Runtime alone."""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tenfold.cpu import available_cores
from tenfold.errors import DataError, DataWarning, RunError, shorten
from tenfold.explain import Explanation, Occlusion
from tenfold.html import paragraph, table
from tenfold.images import CLASSES, SIDE, Images
from tenfold.onnx_file import has_external_data, last_layer_inputs, read_nodes, with_outputs
from tenfold.pixels import check_layout, scale_binary, to_array, to_levels
from tenfold.run import Run
from tenfold.sniff import HEAD_BYTES, ONNX, foreign, identify
from tenfold.weights import read_weights

BUNDLED = "bundled"  # the name of the model that comes with tenfold
EXPECTED = "expected an ONNX model in one file"
BATCH_SIZE = 128  # large enough to be fast, small enough that the layers' outputs stay in the processor's cache
MIN_EXAMINED = 8  # uint8 images at a time, to look for pixels of 0 and 1; a server's single ones are not delayed
MIN_IMAGES_PER_THREAD = 32  # from here on splitting the batch is faster than splitting each layer


class Model:
    """Classifies 28x28 images of digits.

    content: the bytes of an ONNX file with the input uint8 (N, 28, 28), white ink (255) on black (0), and the output
    float32 (N, 10), optionally a second output `digitness`, float32 (N,). name: what errors call it. threads: how many
    compute a batch; None for one per core. Raises RunError for any other content, also for weights in other files, and
    ValueError for less than one thread.
    """

    def __init__(self, content: bytes, name: str = "model.onnx", threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"expected at least one thread, got {threads}")
        self._content = content
        self._session = create_session(content, name, threads or 0)
        self._requested_threads = threads
        self._threads = threads or max(1, int(available_cores()))
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if not _matches(inputs, "tensor(uint8)", [SIDE, SIDE]):
            raise RunError(f"{name}: expected a model with the input uint8 (N, 28, 28), got {_describe(inputs)}")
        self.has_digitness = [value.name for value in outputs[1:]] == ["digitness"]
        if not _matches(outputs[:1], "tensor(float)", [CLASSES]) or len(outputs) != 1 + self.has_digitness:
            raise RunError(f"{name}: expected a model with the output float (N, 10), got {_describe(outputs)}")
        self._input: str = inputs[0].name
        self.name = name
        self.digest = hashlib.sha256(content).hexdigest()
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def __reduce__(self) -> tuple[type[Model], tuple[bytes, str, int | None]]:
        return Model, (self._content, self.name, self._requested_threads)

    def __repr__(self) -> str:
        return f"Model({self.name!r}, sha256 {self.digest[:12]})"

    def _repr_html_(self) -> str:
        """For notebooks: what is known of the model."""
        recipe = json.loads(self.metadata.get("recipe", "{}")).get("name", "")
        outputs = "probabilities (N, 10)" + (", digitness (N,)" if self.has_digitness else "")
        rows = [["recipe", recipe], ["input", "images (N, 28, 28)"], ["output", outputs], ["sha256", self.digest[:12]]]
        return paragraph(f"Model {self.name}, {len(self._content):,} bytes") + table([], rows)

    def predict(self, images: Any) -> NDArray[np.uint8]:
        """The most probable digit of each image, uint8 (N,); the same input as `predict_proba`."""
        digits: NDArray[np.uint8] = self.predict_proba(images).argmax(axis=1).astype(np.uint8)
        return digits

    def predict_proba(self, images: Any) -> NDArray[np.float32]:
        """The probability of each digit, float32 (N, 10).

        images: white ink on black, (N, 28, 28), (N, 28, 28, 1), (N, 1, 28, 28) or (N, 784), of uint8 or of any usual
        scale: floats from 0 to 1 or 0 to 255, booleans; an array, a tensor or a table. A DataWarning says what was
        scaled. Raises ValueError for what can't be understood.
        """
        return self._run(as_images(images))[0]

    def digitness(self, images: Any) -> NDArray[np.float32]:
        """The probability that each image shows a digit at all, float32 (N,); the same input as `predict_proba`.

        Without that output it is the highest probability, or 0 for an image without contrast; such a model is
        confident of many images that show no digit.
        """
        return self.predict_with_digitness(images)[1]

    def predict_with_digitness(self, images: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`predict_proba` and `digitness` in one pass."""
        images = as_images(images)
        probabilities, digitness = self._run(images)
        if digitness is None:
            pixels = images.reshape(len(images), -1)
            has_contrast = pixels.max(axis=1) > pixels.min(axis=1)
            digitness = np.where(has_contrast, probabilities.max(axis=1), np.float32(0))
        return probabilities, digitness

    def explain(self, image: NDArray[np.uint8]) -> Explanation:
        """The digit of one image, uint8 (28, 28), and a heatmap (28, 28): what its log-odds lose if a pixel is covered.

        Raises ValueError for another type or shape.
        """
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.shape != (SIDE, SIDE):
            raise ValueError(f"expected one uint8 image (28, 28), got {image.dtype} {image.shape}")
        occlusion = Occlusion(image)
        return occlusion.explain(self.predict_proba(occlusion.images))

    def embed(self, images: Any) -> NDArray[np.float32]:
        """The features of each image that the network's last layer sees, float32 (N, F).

        The same input as `predict_proba`. Test-time augmentation averages them; the networks of an ensemble have theirs
        side by side. Raises RunError for a model whose last layer can't be found.
        """
        images = as_images(images)
        if len(images) == 0:  # the number of features is that of any image
            return self.embed(np.zeros((1, SIDE, SIDE), np.uint8))[:0]
        session, names = self._embedding
        batches = [np.ascontiguousarray(images[i : i + BATCH_SIZE]) for i in range(0, len(images), BATCH_SIZE)]
        return np.concatenate([_embed(session.run(names, {self._input: batch}), len(batch)) for batch in batches])

    @cached_property
    def _embedding(self) -> tuple[onnxruntime.InferenceSession, list[str]]:
        """A session with the last layer's inputs among its outputs, and their names."""
        output = self._session.get_outputs()[0].name
        names = last_layer_inputs(read_nodes(self._content), output)
        if not names:
            raise RunError(f"{self.name}: no layer with weights was found before {output}, so it gives no features")
        return create_session(with_outputs(self._content, names), self.name, self._threads), names

    def _run(self, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probabilities (N, 10), and digitness (N,) if the network has that output."""
        probabilities = np.empty((len(images), CLASSES), np.float32)
        digitness = np.empty(len(images), np.float32) if self.has_digitness else None
        split = self._threads > 1 and len(images) >= self._threads * MIN_IMAGES_PER_THREAD
        session = self._single_threaded if split else self._session
        size = min(BATCH_SIZE, math.ceil(len(images) / self._threads)) if split else BATCH_SIZE

        def run_batch(start: int) -> None:
            batch = slice(start, start + size)
            outputs = session.run(None, {self._input: np.ascontiguousarray(images[batch])})
            probabilities[batch] = outputs[0]
            if digitness is not None:
                digitness[batch] = outputs[1].reshape(-1)

        starts = range(0, len(images), size)
        if split:
            with ThreadPoolExecutor(self._threads) as threads:
                list(threads.map(run_batch, starts))  # a list, so that errors are raised
        else:
            for start in starts:
                run_batch(start)
        return probabilities, digitness

    @cached_property
    def _single_threaded(self) -> onnxruntime.InferenceSession:
        """For threads that split the batch: 1.1 to 1.5 times as fast on two cores as splitting each small layer."""
        return create_session(self._content, self.name, 1)


def as_images(values: Any) -> Images:
    """Images uint8 (N, 28, 28) from the forms that `Model.predict_proba` names; a DataWarning says what was changed.

    Raises ValueError.
    """
    if isinstance(values, np.ndarray) and values.dtype == np.uint8 and values.shape[1:] == (SIDE, SIDE):
        return _announce(*scale_binary(values)) if len(values) >= MIN_EXAMINED else values
    array = to_array(values)
    if not array.size and array.shape[1:] == (SIDE, SIDE):
        return np.empty((0, SIDE, SIDE), np.uint8)
    try:
        images, notes = to_levels(check_layout(array, "the images"), "the images")
    except DataError as error:
        raise ValueError(str(error)) from None
    if images.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"the images have {images.shape[1]}x{images.shape[2]} pixels; expected 28x28")
    scaled, more = scale_binary(images)
    return _announce(scaled, notes + more)


def _announce(images: Images, notes: tuple[str, ...]) -> Images:
    """The images; warns of what was changed, where the method of a model was called."""
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=4)
    return images


def _embed(features: Sequence[NDArray[np.float32]], count: int) -> NDArray[np.float32]:
    """Each network's features (S * count, ...) of S shifts of the images, as one array (count, F)."""
    return np.concatenate([each.reshape(len(each) // count, count, -1).mean(axis=0) for each in features], axis=1)


def create_session(content: bytes, name: str, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on the CPU.

    threads: how many share each layer; 0 for one per core. Raises RunError, beginning with `name`, for what is not an
    ONNX model and for one with weights in other files, which ONNX Runtime would read from the current folder.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its log would repeat the exception
    options.add_session_config_entry("session.load_model_format", "ONNX")  # accept no other format
    try:
        if has_external_data(content):
            raise ValueError("its weights are in other files")
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
        reason = str(error).splitlines()[0][:100]
        problem = foreign(content[:HEAD_BYTES], EXPECTED) if identify(content[:HEAD_BYTES]) != ONNX else None
        problem = problem or f"{EXPECTED}, got something else ({reason})"
        raise RunError(f"{shorten(name)}: {problem}") from None


def _matches(values: Sequence[Any], tensor_type: str, shape: list[int]) -> bool:
    """Whether a model's inputs or outputs are one tensor of this type and of shape (N, *shape), N free."""
    if [value.type for value in values] != [tensor_type] or values[0].shape[1:] != shape:
        return False
    return not isinstance(values[0].shape[0], int)  # a free dimension is a name or None


def _describe(values: Sequence[Any]) -> str:
    return ", ".join(f"{value.type} {value.shape}" for value in values)


def is_bundled(path: str | os.PathLike[str]) -> bool:
    """Whether this names the model that comes with tenfold, and not a file or folder of that name."""
    return os.fspath(path) == BUNDLED and not Path(path).exists()


def load_model(path: str | os.PathLike[str] | None = None, threads: int | None = None) -> Model:
    """Load a model from a run folder or an .onnx file; None or "bundled" loads the one that comes with tenfold.

    threads: how many compute a batch; None for one per core. Raises RunError.
    """
    if path is None or is_bundled(path):
        return Model(read_weights("digits"), BUNDLED, threads)
    path = Path(path)
    file = path / "model.onnx" if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise RunError(
            f"{path}: this folder has no model.onnx; expected a run whose training has ended or was interrupted"
        )
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunError(f"{file}: {error.strerror or error}; expected a run folder or an .onnx file") from None
    if path.is_dir():
        Run(path).verify(file, content)
    return Model(content, str(path), threads)
