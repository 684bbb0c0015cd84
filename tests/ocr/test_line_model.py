"""The bundled line model on lines that the tests draw."""

import cv2
import numpy as np
import onnx
import pytest

from tenfold.errors import RunError
from tenfold.ocr.line_model import SIDE_MARGIN, LineModel, _spans, calibrate
from tenfold.weights import read_weights


@pytest.fixture(scope="module")
def line_model():
    return LineModel(read_weights("line"))


# Points of a box 20 wide and 36 high, as one would write with a pen.
ROUND = [(10 + 9 * np.sin(a), 18 - 18 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 24)]
PEN = {
    "0": ROUND,
    "1": [(4, 8), (11, 0), (11, 36)],
    "2": [(1, 8), (4, 2), (10, 0), (16, 2), (18, 9), (14, 18), (1, 36), (19, 36)],
    "3": [(2, 3), (10, 0), (17, 4), (16, 12), (8, 16), (17, 21), (18, 29), (10, 36), (1, 32)],
    "4": [(10, 0), (1, 22), (19, 22), (14, 12), (13, 36)],
    "5": [(17, 0), (4, 0), (3, 15), (11, 13), (18, 20), (17, 30), (9, 36), (1, 32)],
    "6": [(14, 0), (5, 12), (2, 25), (5, 34), (11, 36), (17, 31), (17, 24), (11, 19), (4, 23)],
    "7": [(1, 1), (18, 0), (8, 36)],
    "8": [(16, 4), (9, 0), (3, 5), (5, 13), (14, 20), (18, 29), (10, 36), (2, 29), (6, 20), (15, 12), (17, 5)],
    "9": [(17, 6), (10, 0), (3, 4), (3, 12), (9, 17), (16, 12), (17, 4), (16, 20), (13, 36)],
}


def draw_line(text, ink=40, paper=215, gap=30, thickness=3, height=70):
    """A line of digits drawn with a pen, and their columns: (picture, [(x0, x1)])."""
    picture = np.full((height, 30 + gap * len(text) + 30), paper, np.uint8)
    indices = []
    for i, digit in enumerate(text):
        if digit == " ":
            continue
        one = np.zeros_like(picture)
        points = np.round(np.add(PEN[digit], (20 + i * gap, 16)) * 16).astype(np.int32)
        cv2.polylines(one, [points], False, 255, thickness, cv2.LINE_AA, 4)
        columns = np.flatnonzero(one.max(axis=0) > 100)
        indices.append((int(columns[0]), int(columns[-1]) + 1))
        picture = np.where(one > 0, (paper - (paper - ink) * (one / 255)).astype(np.uint8), picture)
    return picture, indices


@pytest.mark.parametrize("text", ["2750", "8", "1946302", "5005", "33"])
@pytest.mark.parametrize("thickness", [2, 5])
def test_read_lines(line_model, text, thickness):
    assert line_model.read(draw_line(text, thickness=thickness)[0]).text == text


def test_read_either_polarity_and_faint_ink(line_model):
    picture, _ = draw_line("2750", ink=150, paper=200)
    assert line_model.read(picture).text == line_model.read(255 - picture).text == "2750"


def test_read_ignores_printed_waves(line_model):
    picture, _ = draw_line("6248")
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    waves = 1 - 0.25 * (np.cos(2 * np.pi * (y + 3 * np.sin(x / 15)) / 6) > 0.5)
    assert line_model.read((picture * waves).astype(np.uint8)).text == "6248"


def test_read_ignores_punctuation(line_model):
    picture, _ = draw_line("35  72", gap=34)
    cv2.circle(picture, (20 + 2 * 34 + 12, 54), 2, 40, -1)  # a dot after the 35
    cv2.line(picture, (20 + 5 * 34 + 36, 40), (20 + 5 * 34 + 52, 40), 40, 3)  # a dash at the end
    assert line_model.read(picture).text == "3572"


def test_spans_cover_their_digits(line_model):
    picture, indices = draw_line("29463", gap=34)
    reading = line_model.read(picture)
    assert reading.text == "29463"
    for (x0, x1), (left, right) in zip(reading.spans, indices, strict=True):
        shared = min(x1, right) - max(x0, left)
        assert shared / (max(x1, right) - min(x0, left)) > 0.7


def test_confidences_and_alternatives_agree(line_model):
    reading = line_model.read(draw_line("407")[0])
    assert len(reading.values) == len(reading.confidences) == len(reading.spans) == len(reading.alternatives) == 3
    assert 0.5 < reading.text_confidence <= 1
    for value, probability, others in zip(reading.values, reading.confidences, reading.alternatives, strict=True):
        assert others[0] == (value, probability)
        assert {digit for digit, _ in others} == set(range(10))
        assert sum(fraction for _, fraction in others) == pytest.approx(1)
        assert list(others) == sorted(others, key=lambda other: -other[1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (40, 120), (32, 32)])
def test_read_without_ink_is_empty(line_model, shape):
    reading = line_model.read(np.full(shape, 180, np.uint8))
    assert reading.values == reading.spans == ()
    assert 0 <= reading.text_confidence <= 1


def test_read_rejects_lines_and_dots(line_model):
    picture = np.full((60, 240), 220, np.uint8)
    cv2.line(picture, (5, 50), (235, 50), 90, 2)
    cv2.line(picture, (60, 30), (90, 30), 40, 3)
    assert line_model.read(picture).text == ""


def test_read_keeps_the_picture(line_model):
    picture, _ = draw_line("12")
    before = picture.copy()
    line_model.read(picture)
    np.testing.assert_array_equal(picture, before)


def test_spans_divide_touching_digits():
    line_image = np.zeros((32, 60 + 2 * SIDE_MARGIN), np.uint8)
    line_image[4:28, 10:50] = 255
    line_image[4:27, 30] = 0  # two blocks that hang together by one pixel
    spans = _spans(line_image, [(9, 9), (19, 20)], 120)
    assert spans == ((8, 48), (48, 88))


def test_calibrate_gives_probabilities():
    probabilities = [calibrate(-x, 0.8, -0.5) for x in (0, 1e-12, 0.1, 2, 50, np.inf)]
    assert all(0 <= probability <= 1 for probability in probabilities)
    assert probabilities == sorted(probabilities, reverse=True)
    assert calibrate(np.log(0.3), 1, 0) == pytest.approx(0.3)


@pytest.mark.parametrize("picture", [np.zeros((30, 30, 3), np.uint8), np.zeros((30, 30)), np.zeros((0, 5), np.uint8)])
def test_read_rejects_other_arrays(line_model, picture):
    with pytest.raises(ValueError, match="expected a gray picture"):
        line_model.read(picture)


def test_read_very_long_picture(line_model):
    picture = np.full((2, 60_000), 200, np.uint8)
    picture[0, ::9] = 30
    assert all(0 <= x0 < x1 <= 60_000 for x0, x1 in line_model.read(picture).spans)


@pytest.mark.parametrize("digit", range(10))
def test_classify_digit_gives_ten_probabilities(line_model, digit):
    fractions = line_model.classify_digit(draw_line(str(digit))[0])
    assert fractions.shape == (10,)
    assert fractions.sum() == pytest.approx(1)
    assert fractions.argmax() == digit


def test_classify_digit_of_empty_picture(line_model):
    fractions = line_model.classify_digit(np.full((40, 30), 200, np.uint8))
    assert np.isfinite(fractions).all()
    assert fractions.sum() == pytest.approx(1)


def test_line_model_rejects_weights_in_other_files():
    model = onnx.load_from_string(read_weights("line"))
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(RunError, match=r"the line model: expected an ONNX model in one file"):
        LineModel(model.SerializeToString())
