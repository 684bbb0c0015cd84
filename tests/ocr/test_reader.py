"""Whole pictures, drawn here, read by a stand-in that knows this drawing's digits."""

import io

import cv2
import numpy as np
import onnx
import pytest
from PIL import Image

from tenfold.errors import DataError, RunError, UnavailableError
from tenfold.model import Model, load_model
from tenfold.ocr.framing import frame
from tenfold.ocr.line_model import LineModel
from tenfold.ocr.reader import Reader, read
from tenfold.weights import read_weights
from tests.ocr.drawn_digits import draw_digits, draw_on_paper


def test_read_each_digit(model):
    for value in range(10):
        reading = read(draw_on_paper(draw_digits(str(value), 90, 8)), "digit", model)
        assert reading.text == str(value)
        (digit,) = reading.digits
        assert digit.value == value
        assert digit.confidence == pytest.approx(reading.confidence)
        assert len({value, *(other for other, _ in digit.alternatives)}) == 4


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_read_turns_pictures_and_gives_boxes_in_them(model, turns):
    straight = np.pad(draw_on_paper(draw_digits("274", 90, 8)), ((0, 60), (0, 10)), constant_values=255)
    expected = read(straight, "line", model)
    given = np.rot90(straight, turns).copy()
    reading = read(given, "line", model, rotate=90 * turns)
    assert reading.text == expected.text == "274"
    for digit, before in zip(reading.digits, expected.digits, strict=True):
        x, y, width, height = digit.box
        left, top, across, down = before.box
        ink = (given[y : y + height, x : x + width] < 128).sum()
        assert ink == (straight[top : top + down, left : left + across] < 128).sum()
        assert sorted((width, height)) == sorted((across, down))
    assert read(given, "line", model, rotate="auto").confidence >= reading.confidence
    with pytest.raises(ValueError, match="rotate is one of 0, 90"):
        read(given, rotate=45)


def test_readings_are_comparable_and_hashable(model):
    one, again, other = (read(draw_on_paper(draw_digits(text, 90, 8)), "digit", model) for text in "775")
    assert one == again != other
    assert len({one, again, other}) == 2


@pytest.mark.parametrize(("value", "gap"), [(7, slice(8, 14)), (2, slice(85, 92))])
def test_read_tight_crop_uses_all_ink(model, value, gap):
    ink = draw_digits(str(value), 90, 8, margin=0)
    ink[gap] = 0  # the bar stands alone, as a ruling would
    height, width = ink.shape
    (digit,) = read(draw_on_paper(ink), "digit", model).digits
    assert digit.value == value
    assert digit.box[2] > 0.9 * width
    assert digit.box[3] > 0.9 * height


@pytest.mark.parametrize("expect", ["auto", "line"])
@pytest.mark.parametrize("transposed", [False, True])
def test_read_line(model, expect, transposed):
    picture = draw_on_paper(draw_digits("3145926", 60, 6, gap=12))
    reading = read(255 - picture if transposed else picture, expect, model)
    assert reading.text == "3145926"
    assert 0 < reading.confidence <= 1
    assert [digit.value for digit in reading.digits] == [3, 1, 4, 5, 9, 2, 6]


def test_read_ignores_punctuation(model):
    ink = draw_digits("27 50", 60, 6, gap=14)
    gap = draw_digits("27", 60, 6, gap=14).shape[1] - 10
    cv2.circle(ink, (gap, ink.shape[0] - 24), 4, 255, -1)
    ink = np.pad(ink, ((0, 0), (0, 60)))
    cv2.line(ink, (ink.shape[1] - 60, 50), (ink.shape[1] - 30, 50), 255, 6)
    assert read(draw_on_paper(ink), "line", model).text == "2750"


@pytest.mark.parametrize("expect", ["auto", "page"])
def test_read_page(model, expect):
    lines = [np.pad(draw_digits(text, 50, 5, gap=16), ((10, 10), (0, 0))) for text in ("12345", "678", "9024")]
    width = max(line.shape[1] for line in lines)
    page = np.concatenate([np.pad(line, ((0, 0), (0, width - line.shape[1]))) for line in lines])
    reading = read(draw_on_paper(page), expect, model)
    assert reading.text == "12345\n678\n9024"
    assert len(reading.digits) == 12


def test_boxes_are_in_source_pixels(model):
    ink = draw_digits("58", 60, 6, gap=30)
    boxes = []
    for factor in (1, 12, 30):
        large = cv2.resize(draw_on_paper(ink), None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        boxes.append([np.array(digit.box) / factor for digit in read(large, "line", model).digits])
    for one in boxes[1:]:
        np.testing.assert_allclose(one, boxes[0], atol=2.5)
    covered = np.zeros_like(ink)
    for x, y, width, height in np.round(boxes[0]).astype(int):
        covered[y : y + height, x : x + width] = 255
    assert ((ink > 127) & (covered == 0)).sum() < 0.02 * (ink > 127).sum()


def test_boxes_follow_exif_orientation(model):
    unrotated = draw_on_paper(draw_digits("47", 60, 6, gap=20))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(np.rot90(unrotated).copy()).save(out, "PNG", exif=exif)
    transposed = read(out.getvalue(), "line", model)
    assert transposed.text == "47"
    assert [digit.box for digit in transposed.digits] == [digit.box for digit in read(unrotated, "line", model).digits]


def test_read_frames_like_mnist(model):
    away = []
    for value in range(10):
        ink = draw_digits(str(value), 200, 24)
        (digit,) = read(255 - ink, "digit", model).digits
        away.append(abs(digit.image.astype(int) - frame(ink)).mean())
    # Where the center of mass is just on the edge between two pixels, a hair moves the whole digit by one.
    assert np.median(away) < 2
    assert sorted(away)[7] < 4


def test_read_keeps_mnist_framing(model):
    image = frame(draw_digits("7", 90, 9))
    for expect in ("auto", "digit"):
        (digit,) = read(image, expect, model).digits
        np.testing.assert_array_equal(digit.image, image)
        assert digit.value == 7


@pytest.mark.parametrize("expect", ["auto", "digit", "line", "page"])
@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (200, 300), (300, 200, 3), (50, 50, 4)])
def test_read_uniform_picture_is_empty(model, expect, level, shape):
    reading = read(np.full(shape, level, np.uint8), expect, model)
    assert (reading.text, reading.confidence, reading.digits) == ("", 0.0, ())


def test_read_rejects_non_digit(model):
    cross = np.zeros((120, 120), np.uint8)
    for turn in range(0, 180, 30):
        across, down = 45 * np.cos(np.deg2rad(turn)), 45 * np.sin(np.deg2rad(turn))
        cv2.line(cross, (int(60 - across), int(60 - down)), (int(60 + across), int(60 + down)), 255, 9)
    assert read(draw_on_paper(cross), "digit", model).text == ""
    assert read(draw_on_paper(cross), "auto").text == ""


def test_read_ignores_specks_shadow_and_table_edge(model):
    ink = np.pad(draw_digits("6", 90, 8), 60)
    picture = draw_on_paper(ink).astype(float)
    picture *= np.linspace(1, 0.6, ink.shape[1])
    picture[:, :14] = 50
    rng = np.random.default_rng(3)
    for x, y in rng.integers(20, 180, (25, 2)):
        if not ink[y - 4 : y + 6, x - 4 : x + 6].any():
            picture[y : y + 2, x : x + 2] = 60
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7).astype(np.uint8)
    for expect in ("auto", "digit"):
        assert read(picture, expect, model).text == "6"


def test_read_separates_touching_digits(model):
    touching = draw_digits("38", 70, 7, gap=-5)
    assert cv2.connectedComponents((touching > 60).astype(np.uint8))[0] == 2
    assert read(draw_on_paper(touching), "line", model).text == "38"


def test_read_errors(model, tmp_path):
    with pytest.raises(ValueError, match="expect is one of auto, digit, line, page, not 'word'"):
        read(np.zeros((5, 5), np.uint8), "word", model)
    with pytest.raises(UnavailableError, match="there is no such file"):
        read(tmp_path / "nothing.png", "auto", model)
    with pytest.raises(DataError, match="is no picture that can be read"):
        read(b"nothing", "auto", model)


@pytest.mark.shared
def test_read_frames_upscaled_mnist(shared):
    """Eight times as large, dark on paper, in any place: framed again within a few gray levels."""
    from tenfold.data.load import load_data
    from tenfold.model import load_model

    model = load_model()
    test = load_data(shared / "mnist").test
    right, away = 0, []
    for image, label in zip(test.images[:100], test.labels[:100], strict=True):
        large = np.kron(image, np.ones((8, 8), np.uint8))
        for picture in (255 - large, draw_on_paper(large)):
            reading = read(np.pad(picture, 40, mode="edge"), "digit", model)
            right += reading.text == str(label)
            if picture.max() == 255:
                away += [abs(digit.image.astype(int) - image).mean() for digit in reading.digits]
    assert right >= 190
    assert np.median(away) < 8


@pytest.mark.shared
def test_read_lines_of_mnist_digits(shared):
    """MNIST's test digits in lines, some touching: most lines are right, with boxes from left to right."""
    from tenfold.data.load import load_data

    test = load_data(shared / "mnist").test
    right = 0
    for row in range(30):
        rows = slice(row * 5, row * 5 + 5)
        tight = [image[:, np.flatnonzero(image.any(axis=0))] for image in test.images[rows]]
        strip = np.concatenate([np.pad(one, ((0, 0), (0, row % 4))) for one in tight], axis=1)
        large = cv2.resize(np.pad(strip, 8), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
        reading = read(draw_on_paper(large), "line")
        right += reading.text == "".join(map(str, test.labels[rows]))
        middles = [x + width / 2 for x, _, width, _ in (digit.box for digit in reading.digits)]
        assert middles == sorted(middles)
    assert right >= 24


@pytest.mark.parametrize("expect", ["auto", "digit", "page"])
@pytest.mark.parametrize("levels", [(0, 255), (255, 0), (60, 200)])
@pytest.mark.parametrize("transposed", [False, True])
def test_read_ignores_edge_between_light_and_dark(levels, transposed, expect):
    """A page on a table, a wall half in shadow: the bundled model once took the edge for a 1."""
    halves = np.repeat(np.uint8(levels), 200)[None].repeat(300, axis=0)
    assert read(halves.T if transposed else halves, expect).text == ""


def test_read_stroke_from_border_to_border():
    sheet = np.full((300, 200), 230, np.uint8)
    cv2.line(sheet, (110, 0), (90, 300), 20, 14)
    assert read(sheet, "digit").text == "1"


def test_read_digits_beside_page_edge(model):
    paper = draw_on_paper(draw_digits("27", 90, 8))
    table = np.full((len(paper), 80), 30, np.uint8)
    assert read(np.hstack([paper, table]), "line", model).text == "27"


@pytest.mark.parametrize("expect", ["auto", "digit"])
def test_read_rejects_empty_frame_but_not_zero(expect):
    box, ring = (np.full((300, 400), 255, np.uint8) for _ in range(2))
    cv2.rectangle(box, (20, 20), (380, 280), 0, 3)
    cv2.ellipse(ring, (200, 150), (95, 145), 0, 0, 360, 0, 6)
    assert read(box, expect).text == ""
    assert read(ring, expect).text == "0"


def test_read_rejects_pattern_of_thousands_of_blots(model):
    """Reading all of them would take minutes."""
    tile = np.full((20, 20), 255, np.uint8)
    tile[4:14, 4:14] = 0
    assert read(np.tile(tile, (40, 40)), "auto", model).text == ""


def test_read_page_of_hundreds_of_digits(model):
    text = "3145926870" * 2
    page = np.vstack([draw_digits(text, 30, 3, margin=6, gap=10) for _ in range(15)])
    assert read(draw_on_paper(page), "page", model).text == "\n".join([text] * 15)


@pytest.fixture(scope="module")
def other_model_file(tmp_path_factory):
    """The bundled digit model with another digest: a model of the user's own."""
    content = onnx.load_from_string(read_weights("digits"))
    content.metadata_props.add(key="note", value="other")
    file = tmp_path_factory.mktemp("models") / "other.onnx"
    file.write_bytes(content.SerializeToString())
    return file


def test_reader_pairs_bundled_models_only(other_model_file):
    assert Reader().line_model is Reader("bundled").line_model is Reader(load_model()).line_model
    assert Reader().line_model is not None
    assert Reader(other_model_file).line_model is None
    line_model = LineModel(read_weights("line"))
    assert Reader(other_model_file, line_model).line_model is line_model


def test_reader_is_chosen_by_content_not_by_name(other_model_file):
    named_bundled = Model(other_model_file.read_bytes(), name="bundled")
    assert Reader(named_bundled).line_model is None
    renamed = Model(read_weights("digits"), name="other.onnx")
    assert Reader(renamed).line_model is not None


def test_read_takes_what_load_model_takes(other_model_file):
    picture = draw_on_paper(draw_digits("3145926", 60, 6, gap=12))
    assert read(picture, "line", "bundled") == read(picture, "line", load_model()) == read(picture, "line")
    assert read(picture, "line", other_model_file) == read(picture, "line", load_model(other_model_file))
    with pytest.raises(RunError, match=r"missing\.onnx"):
        read(picture, "line", "missing.onnx")


def test_reader_reads_like_read(other_model_file):
    picture = draw_on_paper(draw_digits("407", 60, 6, gap=12))
    assert Reader().read(picture, "line") == read(picture, "line")
    assert Reader(other_model_file).read(picture) == read(picture, model=other_model_file)
