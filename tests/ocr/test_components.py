import cv2
import numpy as np
import pytest

from tenfold.ocr.components import Blob, characters, find_blobs, pieced, rows, without_lines, without_specks
from tests.ocr.drawn_digits import drawn


def found(ink):
    return characters(without_lines(without_specks(find_blobs(ink).blobs), ink.shape))


def test_separate_digits_are_separate_characters():
    ink = drawn("2750", 60, 5, gap=12)
    boxes = [blob.box for blob in found(ink)]
    assert len(boxes) == 4
    assert boxes == sorted(boxes)
    covered = np.zeros_like(ink)
    for x, y, width, height in boxes:
        covered[y : y + height, x : x + width] = 255
    assert not ink[covered == 0].max(initial=0) > 127


def test_a_crop_holds_its_own_ink_alone():
    ink = np.zeros((60, 60), np.uint8)
    cv2.line(ink, (5, 5), (50, 50), 255, 3)
    cv2.line(ink, (30, 5), (55, 28), 255, 3)  # in the other one's box
    components = find_blobs(ink)
    assert len(components.blobs) == 2
    crops = [components.crop(blob) for blob in components.blobs]
    assert sum(int((crop > 0).sum()) for crop in crops) == int((ink > 0).sum())


def test_the_bar_of_a_five_belongs_to_it():
    ink = np.zeros((100, 80), np.uint8)
    cv2.line(ink, (25, 15), (60, 12), 255, 5)
    cv2.ellipse(ink, (40, 65), (20, 24), 0, -100, 130, 255, 5)
    assert len(find_blobs(ink).blobs) == 2
    assert len(found(ink)) == 1
    assert len(pieced(find_blobs(ink).blobs)) == 1


def test_specks_and_edges_are_dropped():
    ink = np.pad(drawn("38", 60, 6, gap=10), 60)
    for x, y in ((10, 10), (200, 30), (150, 170)):
        ink[y : y + 3, x : x + 3] = 255
    ink[:, :9] = 255  # the table beside the paper
    assert len(found(ink)) == 2


def test_a_frame_around_is_dropped():
    ink = np.pad(drawn("3", 60, 6), 40)
    cv2.rectangle(ink, (5, 5), (ink.shape[1] - 6, ink.shape[0] - 6), 255, 2)
    assert len(found(ink)) == 1


def test_rows_from_the_top_and_each_from_the_left():
    first, second = drawn("12345", 40, 4, gap=14), drawn("678", 40, 4, gap=14)
    page = np.zeros((first.shape[0] + second.shape[0] + 10, first.shape[1]), np.uint8)
    page[: first.shape[0]] = first
    page[first.shape[0] + 10 :, 30 : 30 + second.shape[1]] = second
    lines = rows(found(page))
    assert [len(line) for line in lines] == [5, 3]
    for line in lines:
        assert [blob.left for blob in line] == sorted(blob.left for blob in line)


def test_rows_may_rise():
    first, second = drawn("1234567", 40, 4, gap=14), drawn("8901234", 40, 4, gap=14)
    page = np.concatenate([first, second])
    turn = cv2.getRotationMatrix2D((page.shape[1] / 2, page.shape[0] / 2), 6, 1)
    page = cv2.warpAffine(np.pad(page, 30), turn, (page.shape[1] + 60, page.shape[0] + 60))
    assert [len(line) for line in rows(found(page))] == [7, 7]


def test_no_ink():
    assert found(np.zeros((40, 40), np.uint8)) == []
    assert rows([]) == []


def standing(*places):
    """Digits 30 pixels wide by the middle and the height of each."""
    return [Blob((k,), (x - 15, round(y - height / 2), 30, height), 200) for k, (x, y, height) in enumerate(places, 1)]


@pytest.mark.parametrize("slope", [-0.4, -0.36, 0.36, 0.4])
def test_a_steep_row_of_digits_of_unlike_heights_is_one_row(slope):
    blobs = standing(*((x, 300 + slope * x, height) for x, height in ((20, 60), (100, 40), (180, 40), (250, 60))))
    assert rows(blobs) == [blobs]


def test_rows_that_stand_beside_each_other_stay_apart():
    left, right = standing((20, 50, 40), (60, 50, 40)), standing((110, 110, 40), (150, 110, 40))
    assert rows([*left, *right]) == [left, right]
    above, below = standing((20, 50, 40), (60, 50, 40)), standing((20, 110, 40), (60, 110, 40))
    assert rows([*above, *below]) == [above, below]
