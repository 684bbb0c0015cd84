"""Data sets from arrays and tables, and what a `Dataset` converts to."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from tenfold.data.arrays import from_arrays, from_frame
from tenfold.errors import DataError, DataWarning

PIXELS = [f"pixel{index}" for index in range(784)]


@pytest.fixture
def images():
    made = np.zeros((6, 28, 28), np.uint8)
    made[:, 8:20, 8:20] = np.random.default_rng(0).integers(40, 256, (6, 12, 12))
    return made


def test_from_arrays_keeps_images_and_labels(images):
    data = from_arrays(images, range(6))
    np.testing.assert_array_equal(data.images, images)
    assert data.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert from_arrays(images).labels is None


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["3", "1", "4", "1", "5", "9"], [3, 1, 4, 1, 5, 9]),
        (np.eye(10)[[2, 7, 1, 8, 2, 8]], [2, 7, 1, 8, 2, 8]),
        (torch.tensor([0, 1, 2, 3, 4, 5]), [0, 1, 2, 3, 4, 5]),
        (pd.Series([9.0, 8.0, 7.0, 6.0, 5.0, 4.0]), [9, 8, 7, 6, 5, 4]),
    ],
)
def test_from_arrays_decodes_labels(images, labels, expected):
    assert from_arrays(images, labels).labels.tolist() == expected


def test_from_arrays_warns_of_changes(images):
    with pytest.warns(DataWarning, match="from 0 to 1: scaled to 255"):
        scaled = from_arrays(images / 255)
    np.testing.assert_array_equal(scaled.images, images)
    with pytest.warns(DataWarning, match="inverted to white on black"):
        inverted = from_arrays(255 - images)
    np.testing.assert_array_equal(inverted.images, images)


def test_from_arrays_scales_zeros_and_ones(images):
    binary = (images > 127).astype(np.int64)
    with pytest.warns(DataWarning, match="0 and 1: scaled"):
        assert from_arrays(binary).images.max() == 255


def test_from_arrays_refuses_images_along_the_last_axis(images):
    with pytest.raises(DataError, match=r"\(28, 28, 6\).*moveaxis"):
        from_arrays(np.moveaxis(images, 0, 2))


def test_from_arrays_refuses_mean_subtracted_floats(images):
    with pytest.raises(DataError, match=r"pixels from -0\.13"):
        from_arrays(images / 255 - 0.13)


def test_from_arrays_refuses_other_shapes_and_counts(images):
    with pytest.raises(DataError, match=r"shape \(6, 28, 27\)"):
        from_arrays(images[:, :, :27])
    with pytest.raises(DataError, match="5 labels for 6 images"):
        from_arrays(images, [0, 1, 2, 3, 4])


@pytest.mark.parametrize("library", [pd, pl])
def test_from_frame_finds_the_columns(images, library):
    table = {"label": [5, 0, 4, 1, 9, 2]} | {name: images.reshape(6, 784)[:, i] for i, name in enumerate(PIXELS)}
    data = from_frame(library.DataFrame(table))
    np.testing.assert_array_equal(data.images, images)
    assert data.labels.tolist() == [5, 0, 4, 1, 9, 2]


def test_from_frame_takes_texts_and_an_option(images):
    frame = pd.DataFrame(images.reshape(6, 784), columns=PIXELS)
    frame["answer sheet"] = ["one", "two", "three", "four", "five", "six"]
    assert from_frame(frame, label_column="answer sheet").labels.tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(DataError, match="pixel5"):
        from_frame(frame.drop(columns=["pixel5", "answer sheet"]))


def test_dataset_slices_like_an_array(images):
    data = from_arrays(images, range(6))
    assert data[2].labels.tolist() == [2]
    assert data[-1].labels.tolist() == [5]
    assert data[1:3].labels.tolist() == [1, 2]
    assert data[[5, 0]].labels.tolist() == [5, 0]
    assert data[data.labels > 3].labels.tolist() == [4, 5]
    assert data[1:3].source_indices.tolist() == [1, 2]
    with pytest.raises(IndexError):
        data[6]


def test_dataset_iterates_over_images_and_labels(images):
    pairs = list(from_arrays(images, range(6)))
    assert [label for _, label in pairs] == list(range(6))
    np.testing.assert_array_equal(pairs[3][0], images[3])
    assert next(iter(from_arrays(images)))[1] is None


def test_dataset_converts_to_numpy_frame_and_torch(images):
    data = from_arrays(images, range(6))
    np.testing.assert_array_equal(data.to_numpy()[0], images)
    frame = data.to_frame()
    assert list(frame.columns) == ["label", *PIXELS]
    np.testing.assert_array_equal(from_frame(frame).images, images)
    pixels, labels = data.as_torch()[:]
    assert pixels.shape == (6, 1, 28, 28)
    assert pixels.max() == images.max() / 255
    assert labels.dtype == torch.int64
    assert len(from_arrays(images).as_torch()[0]) == 1


def test_dataset_repr_is_one_line(images):
    assert repr(from_arrays(images, [3] * 6)) == "Dataset('arrays', 6 samples, labels 3: 6)"
    assert repr(from_arrays(images)) == "Dataset('arrays', 6 samples, no labels)"
