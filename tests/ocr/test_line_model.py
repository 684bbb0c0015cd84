"""The bundled line reader on rows that the tests draw."""

import cv2
import numpy as np
import onnx
import pytest

from tenfold.errors import RunError
from tenfold.ocr.line_model import SIDE_MARGIN, LineModel, _spans, calibrate
from tenfold.weights import read_weights


@pytest.fixture(scope="module")
def reader():
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


def row(text, ink=40, paper=215, gap=30, thick=3, height=70):
    """A row of digits drawn with a pen, and where they stand: (picture, [(x0, x1)])."""
    picture = np.full((height, 30 + gap * len(text) + 30), paper, np.uint8)
    places = []
    for i, digit in enumerate(text):
        if digit == " ":
            continue
        one = np.zeros_like(picture)
        points = np.round(np.add(PEN[digit], (20 + i * gap, 16)) * 16).astype(np.int32)
        cv2.polylines(one, [points], False, 255, thick, cv2.LINE_AA, 4)
        columns = np.flatnonzero(one.max(axis=0) > 100)
        places.append((int(columns[0]), int(columns[-1]) + 1))
        picture = np.where(one > 0, (paper - (paper - ink) * (one / 255)).astype(np.uint8), picture)
    return picture, places


@pytest.mark.parametrize("text", ["2750", "8", "1946302", "5005", "33"])
@pytest.mark.parametrize("thick", [2, 5])
def test_rows_are_read(reader, text, thick):
    assert reader.read(row(text, thick=thick)[0]).text == text


def test_light_on_dark_and_faint_ink(reader):
    picture, _ = row("2750", ink=150, paper=200)
    assert reader.read(picture).text == reader.read(255 - picture).text == "2750"


def test_waves_printed_under_the_row_are_left_out(reader):
    picture, _ = row("6248")
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    waves = 1 - 0.25 * (np.cos(2 * np.pi * (y + 3 * np.sin(x / 15)) / 6) > 0.5)
    assert reader.read((picture * waves).astype(np.uint8)).text == "6248"


def test_signs_are_left_out(reader):
    picture, _ = row("35  72", gap=34)
    cv2.circle(picture, (20 + 2 * 34 + 12, 54), 2, 40, -1)  # a dot after the 35
    cv2.line(picture, (20 + 5 * 34 + 36, 40), (20 + 5 * 34 + 52, 40), 40, 3)  # a dash at the end
    assert reader.read(picture).text == "3572"


def test_spans_hold_their_digits(reader):
    picture, places = row("29463", gap=34)
    reading = reader.read(picture)
    assert reading.text == "29463"
    for (x0, x1), (left, right) in zip(reading.spans, places, strict=True):
        shared = min(x1, right) - max(x0, left)
        assert shared / (max(x1, right) - min(x0, left)) > 0.7


def test_confidences_and_alternatives_agree(reader):
    reading = reader.read(row("407")[0])
    assert len(reading.values) == len(reading.confidences) == len(reading.spans) == len(reading.alternatives) == 3
    assert 0.5 < reading.text_confidence <= 1
    for value, chance, others in zip(reading.values, reading.confidences, reading.alternatives, strict=True):
        assert others[0] == (value, chance)
        assert {digit for digit, _ in others} == set(range(10))
        assert sum(share for _, share in others) == pytest.approx(1)
        assert list(others) == sorted(others, key=lambda other: -other[1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (40, 120), (32, 32)])
def test_pictures_without_ink_have_no_digits(reader, shape):
    reading = reader.read(np.full(shape, 180, np.uint8))
    assert reading.values == reading.spans == ()
    assert 0 <= reading.text_confidence <= 1


def test_lines_and_dots_are_no_digits(reader):
    picture = np.full((60, 240), 220, np.uint8)
    cv2.line(picture, (5, 50), (235, 50), 90, 2)
    cv2.line(picture, (60, 30), (90, 30), 40, 3)
    assert reader.read(picture).text == ""


def test_reading_leaves_the_picture_alone(reader):
    picture, _ = row("12")
    before = picture.copy()
    reader.read(picture)
    np.testing.assert_array_equal(picture, before)


def test_spans_part_touching_digits_where_there_is_least_ink():
    seen = np.zeros((32, 60 + 2 * SIDE_MARGIN), np.uint8)
    seen[4:28, 10:50] = 255
    seen[4:27, 30] = 0  # two blocks that hang together by one pixel
    spans = _spans(seen, [(9, 9), (19, 20)], 120)
    assert spans == ((8, 48), (48, 88))


def test_confidence_is_a_probability():
    chances = [calibrate(-x, 0.8, -0.5) for x in (0, 1e-12, 0.1, 2, 50, np.inf)]
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances, reverse=True)
    assert calibrate(np.log(0.3), 1, 0) == pytest.approx(0.3)


@pytest.mark.parametrize("picture", [np.zeros((30, 30, 3), np.uint8), np.zeros((30, 30)), np.zeros((0, 5), np.uint8)])
def test_what_is_no_gray_picture_is_refused(reader, picture):
    with pytest.raises(ValueError, match="expected a gray picture"):
        reader.read(picture)


def test_an_endless_picture_is_read_in_time(reader):
    picture = np.full((2, 60_000), 200, np.uint8)
    picture[0, ::9] = 30
    assert all(0 <= x0 < x1 <= 60_000 for x0, x1 in reader.read(picture).spans)


@pytest.mark.parametrize("digit", range(10))
def test_of_one_digit_all_ten_have_a_probability(reader, digit):
    shares = reader.digit(row(str(digit))[0])
    assert shares.shape == (10,)
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == digit


def test_an_empty_picture_has_no_digit_but_probabilities(reader):
    shares = reader.digit(np.full((40, 30), 200, np.uint8))
    assert np.isfinite(shares).all()
    assert shares.sum() == pytest.approx(1)


def test_line_model_rejects_weights_in_other_files():
    model = onnx.load_from_string(read_weights("line"))
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(RunError, match=r"the line model: expected an ONNX model in one file"):
        LineModel(model.SerializeToString())
