"""Whole pictures, drawn here, read by a stand-in that knows this drawing's digits."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from tenfold.errors import DataError, UnavailableError
from tenfold.ocr.framing import frame
from tenfold.ocr.reader import read
from tests.ocr.drawn_digits import drawn, on_paper


def test_one_digit_of_each_value(model):
    for value in range(10):
        reading = read(on_paper(drawn(str(value), 90, 8)), "digit", model)
        assert reading.text == str(value)
        (digit,) = reading.digits
        assert digit.value == value
        assert digit.confidence == pytest.approx(reading.confidence)
        assert len({value, *(other for other, _ in digit.alternatives)}) == 4


def test_readings_can_be_compared_and_kept_in_sets(model):
    one, again, other = (read(on_paper(drawn(text, 90, 8)), "digit", model) for text in "775")
    assert one == again != other
    assert len({one, again, other}) == 2


@pytest.mark.parametrize(("value", "gap"), [(7, slice(8, 14)), (2, slice(85, 92))])
def test_all_ink_of_a_digit_cut_out_along_its_edges_is_the_digit(model, value, gap):
    ink = drawn(str(value), 90, 8, margin=0)
    ink[gap] = 0  # the bar stands alone, as a ruling would
    height, width = ink.shape
    (digit,) = read(on_paper(ink), "digit", model).digits
    assert digit.value == value
    assert digit.box[2] > 0.9 * width
    assert digit.box[3] > 0.9 * height


@pytest.mark.parametrize("expect", ["auto", "line"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_row(model, expect, turned):
    picture = on_paper(drawn("3145926", 60, 6, gap=12))
    reading = read(255 - picture if turned else picture, expect, model)
    assert reading.text == "3145926"
    assert 0 < reading.confidence <= 1
    assert [digit.value for digit in reading.digits] == [3, 1, 4, 5, 9, 2, 6]


def test_points_commas_and_dashes_are_left_out(model):
    ink = drawn("27 50", 60, 6, gap=14)
    gap = drawn("27", 60, 6, gap=14).shape[1] - 10
    cv2.circle(ink, (gap, ink.shape[0] - 24), 4, 255, -1)
    ink = np.pad(ink, ((0, 0), (0, 60)))
    cv2.line(ink, (ink.shape[1] - 60, 50), (ink.shape[1] - 30, 50), 255, 6)
    assert read(on_paper(ink), "line", model).text == "2750"


@pytest.mark.parametrize("expect", ["auto", "page"])
def test_a_page(model, expect):
    lines = [np.pad(drawn(text, 50, 5, gap=16), ((10, 10), (0, 0))) for text in ("12345", "678", "9024")]
    width = max(line.shape[1] for line in lines)
    page = np.concatenate([np.pad(line, ((0, 0), (0, width - line.shape[1]))) for line in lines])
    reading = read(on_paper(page), expect, model)
    assert reading.text == "12345\n678\n9024"
    assert len(reading.digits) == 12


def test_boxes_are_in_the_pictures_own_pixels(model):
    ink = drawn("58", 60, 6, gap=30)
    boxes = []
    for factor in (1, 12, 30):
        large = cv2.resize(on_paper(ink), None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        boxes.append([np.array(digit.box) / factor for digit in read(large, "line", model).digits])
    for one in boxes[1:]:
        np.testing.assert_allclose(one, boxes[0], atol=2.5)
    covered = np.zeros_like(ink)
    for x, y, width, height in np.round(boxes[0]).astype(int):
        covered[y : y + height, x : x + width] = 255
    assert ((ink > 127) & (covered == 0)).sum() < 0.02 * (ink > 127).sum()


def test_a_photo_on_its_side_has_boxes_of_the_upright_one(model):
    upright = on_paper(drawn("47", 60, 6, gap=20))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(np.rot90(upright).copy()).save(out, "PNG", exif=exif)
    turned = read(out.getvalue(), "line", model)
    assert turned.text == "47"
    assert [digit.box for digit in turned.digits] == [digit.box for digit in read(upright, "line", model).digits]


def test_what_was_drawn_large_is_framed_as_mnist_would(model):
    away = []
    for value in range(10):
        ink = drawn(str(value), 200, 24)
        (digit,) = read(255 - ink, "digit", model).digits
        away.append(abs(digit.image.astype(int) - frame(ink)).mean())
    # Where the center of mass is just on the edge between two pixels, a hair moves the whole digit by one.
    assert np.median(away) < 2
    assert sorted(away)[7] < 4


def test_an_image_in_mnists_form_is_not_framed_again(model):
    image = frame(drawn("7", 90, 9))
    for expect in ("auto", "digit"):
        (digit,) = read(image, expect, model).digits
        np.testing.assert_array_equal(digit.image, image)
        assert digit.value == 7


@pytest.mark.parametrize("expect", ["auto", "digit", "line", "page"])
@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (200, 300), (300, 200, 3), (50, 50, 4)])
def test_an_empty_picture_is_never_a_digit(model, expect, level, shape):
    reading = read(np.full(shape, level, np.uint8), expect, model)
    assert (reading.text, reading.confidence, reading.digits) == ("", 0.0, ())


def test_what_is_no_digit_is_refused(model):
    cross = np.zeros((120, 120), np.uint8)
    for turn in range(0, 180, 30):
        across, down = 45 * np.cos(np.deg2rad(turn)), 45 * np.sin(np.deg2rad(turn))
        cv2.line(cross, (int(60 - across), int(60 - down)), (int(60 + across), int(60 + down)), 255, 9)
    assert read(on_paper(cross), "digit", model).text == ""
    assert read(on_paper(cross), "auto").text == ""


def test_specks_shadow_and_the_tables_edge_are_no_digits(model):
    ink = np.pad(drawn("6", 90, 8), 60)
    picture = on_paper(ink).astype(float)
    picture *= np.linspace(1, 0.6, ink.shape[1])
    picture[:, :14] = 50
    rng = np.random.default_rng(3)
    for x, y in rng.integers(20, 180, (25, 2)):
        if not ink[y - 4 : y + 6, x - 4 : x + 6].any():
            picture[y : y + 2, x : x + 2] = 60
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7).astype(np.uint8)
    for expect in ("auto", "digit"):
        assert read(picture, expect, model).text == "6"


def test_touching_digits_are_taken_apart(model):
    touching = drawn("38", 70, 7, gap=-5)
    assert cv2.connectedComponents((touching > 60).astype(np.uint8))[0] == 2
    assert read(on_paper(touching), "line", model).text == "38"


def test_what_can_not_be_read_is_told(model, tmp_path):
    with pytest.raises(ValueError, match="expect is one of auto, digit, line, page, not 'word'"):
        read(np.zeros((5, 5), np.uint8), "word", model)
    with pytest.raises(UnavailableError, match="there is no such file"):
        read(tmp_path / "nothing.png", "auto", model)
    with pytest.raises(DataError, match="is no picture that can be read"):
        read(b"nothing", "auto", model)


@pytest.mark.shared
def test_mnist_drawn_large_is_framed_as_it_was(shared):
    """Eight times as large, dark on paper, in any place: framed again within a few gray levels."""
    from tenfold.data.load import load_data
    from tenfold.model import load_model

    model = load_model()
    test = load_data(shared / "mnist").test
    right, away = 0, []
    for image, label in zip(test.images[:100], test.labels[:100], strict=True):
        large = np.kron(image, np.ones((8, 8), np.uint8))
        for picture in (255 - large, on_paper(large)):
            reading = read(np.pad(picture, 40, mode="edge"), "digit", model)
            right += reading.text == str(label)
            if picture.max() == 255:
                away += [abs(digit.image.astype(int) - image).mean() for digit in reading.digits]
    assert right >= 190
    assert np.median(away) < 8


@pytest.mark.shared
def test_the_network_reads_whole_rows(shared):
    """MNIST's test digits in a row, some touching: most rows are right, and boxes lie where the digits do."""
    from tenfold.data.load import load_data

    test = load_data(shared / "mnist").test
    right = 0
    for row in range(30):
        rows = slice(row * 5, row * 5 + 5)
        tight = [image[:, np.flatnonzero(image.any(axis=0))] for image in test.images[rows]]
        strip = np.concatenate([np.pad(one, ((0, 0), (0, row % 4))) for one in tight], axis=1)
        large = cv2.resize(np.pad(strip, 8), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
        reading = read(on_paper(large), "line")
        right += reading.text == "".join(map(str, test.labels[rows]))
        middles = [x + width / 2 for x, _, width, _ in (digit.box for digit in reading.digits)]
        assert middles == sorted(middles)
    assert right >= 24


@pytest.mark.parametrize("expect", ["auto", "digit", "page"])
@pytest.mark.parametrize("levels", [(0, 255), (255, 0), (60, 200)])
@pytest.mark.parametrize("turned", [False, True])
def test_where_light_and_dark_meet_nothing_is_written(levels, turned, expect):
    """A sheet on a table, a wall half in shadow: read by the model in the package, which took the edge for a 1."""
    halves = np.repeat(np.uint8(levels), 200)[None].repeat(300, axis=0)
    assert read(halves.T if turned else halves, expect).text == ""


def test_a_stroke_from_border_to_border_is_no_edge():
    sheet = np.full((300, 200), 230, np.uint8)
    cv2.line(sheet, (110, 0), (90, 300), 20, 14)
    assert read(sheet, "digit").text == "1"


def test_digits_beside_a_sheets_edge(model):
    paper = on_paper(drawn("27", 90, 8))
    table = np.full((len(paper), 80), 30, np.uint8)
    assert read(np.hstack([paper, table]), "line", model).text == "27"


@pytest.mark.parametrize("expect", ["auto", "digit"])
def test_an_empty_frame_is_no_digit_but_a_large_0_is(expect):
    box, ring = (np.full((300, 400), 255, np.uint8) for _ in range(2))
    cv2.rectangle(box, (20, 20), (380, 280), 0, 3)
    cv2.ellipse(ring, (200, 150), (95, 145), 0, 0, 360, 0, 6)
    assert read(box, expect).text == ""
    assert read(ring, expect).text == "0"


def test_thousands_of_blots_are_a_pattern(model):
    """Reading all of them would take minutes."""
    tile = np.full((20, 20), 255, np.uint8)
    tile[4:14, 4:14] = 0
    assert read(np.tile(tile, (40, 40)), "auto", model).text == ""


def test_a_page_of_hundreds_of_digits_is_read(model):
    text = "3145926870" * 2
    page = np.vstack([drawn(text, 30, 3, margin=6, gap=10) for _ in range(15)])
    assert read(on_paper(page), "page", model).text == "\n".join([text] * 15)
