import cv2
import numpy as np
from scipy import ndimage

from tenfold.data.dataset import Dataset
from tenfold.synthesis.lines.glyph_bank import DISTANCE_STEPS, GlyphBank, thin


def random_shapes(n=20, seed=0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(n, 40, 40)), (0, 2.5, 2.5))
    return noise > 0.05


def test_thin_keeps_shapes_connected():
    shapes = random_shapes()
    lines = thin(shapes)
    assert not (lines & ~shapes).any()
    for shape, line in zip(shapes, lines, strict=True):
        pieces, count = ndimage.label(shape, np.ones((3, 3)))
        for piece in (pieces == i for i in range(1, count + 1)):
            if piece.sum() > 40:  # a square of 2x2 vanishes, the method's known flaw
                assert ndimage.label(line & piece, np.ones((3, 3)))[1] == 1


def test_thin_gives_lines():
    lines = thin(random_shapes())
    solid = ndimage.minimum_filter(lines, (1, 3, 3))  # a full square of 3x3 is not a line
    assert not solid.any()
    np.testing.assert_array_equal(thin(lines), lines)


def test_thin_bar_is_its_center_line():
    bar = np.zeros((1, 20, 40), bool)
    bar[0, 8:13, 4:36] = True
    rows, columns = np.nonzero(thin(bar)[0])
    assert set(rows) == {10}
    assert columns.min() <= 8
    assert columns.max() >= 31


def test_distances_are_to_center_line():
    image = np.zeros((28, 28), np.uint8)
    cv2.line(image, (14, 4), (14, 23), 255, 3)
    glyphs = GlyphBank.from_dataset(Dataset(image[None], np.array([1], np.uint8), "one stroke"))
    left, top, right, bottom = glyphs.boxes[0]
    assert right - left <= 2
    assert 26 <= bottom - top <= 40
    row = glyphs.distances[0, 28].astype(int)
    middle = int(row.argmin())
    assert abs(middle - 28.5) <= 1.5
    np.testing.assert_allclose(row[middle : middle + 10], DISTANCE_STEPS * np.arange(10), atol=1)
    assert [len(indices) for indices in glyphs.indices] == [0, 1, *[0] * 8]
