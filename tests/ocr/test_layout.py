import cv2
import numpy as np
import pytest

from tenfold.ocr.components import Component, find_components, remove_lines, remove_specks
from tenfold.ocr.layout import group_lines, group_strokes, merge_parts
from tests.ocr.drawn_digits import draw_digits


def find_characters(ink):
    return group_strokes(remove_lines(remove_specks(find_components(ink).components), ink.shape))


def test_group_strokes_keeps_separate_digits_apart():
    ink = draw_digits("2750", 60, 5, gap=12)
    boxes = [component.box for component in find_characters(ink)]
    assert len(boxes) == 4
    assert boxes == sorted(boxes)
    covered = np.zeros_like(ink)
    for x, y, width, height in boxes:
        covered[y : y + height, x : x + width] = 255
    assert not ink[covered == 0].max(initial=0) > 127


def test_group_strokes_joins_the_bar_of_a_five():
    ink = np.zeros((100, 80), np.uint8)
    cv2.line(ink, (25, 15), (60, 12), 255, 5)
    cv2.ellipse(ink, (40, 65), (20, 24), 0, -100, 130, 255, 5)
    assert len(find_components(ink).components) == 2
    assert len(find_characters(ink)) == 1
    assert len(merge_parts(find_components(ink).components)) == 1


def test_group_lines_orders_by_reading():
    first, second = draw_digits("12345", 40, 4, gap=14), draw_digits("678", 40, 4, gap=14)
    page = np.zeros((first.shape[0] + second.shape[0] + 10, first.shape[1]), np.uint8)
    page[: first.shape[0]] = first
    page[first.shape[0] + 10 :, 30 : 30 + second.shape[1]] = second
    lines = group_lines(find_characters(page))
    assert [len(line) for line in lines] == [5, 3]
    for line in lines:
        assert [component.left for component in line] == sorted(component.left for component in line)


def test_group_lines_of_rotated_page():
    first, second = draw_digits("1234567", 40, 4, gap=14), draw_digits("8901234", 40, 4, gap=14)
    page = np.concatenate([first, second])
    turn = cv2.getRotationMatrix2D((page.shape[1] / 2, page.shape[0] / 2), 6, 1)
    page = cv2.warpAffine(np.pad(page, 30), turn, (page.shape[1] + 60, page.shape[0] + 60))
    assert [len(line) for line in group_lines(find_characters(page))] == [7, 7]


def test_group_lines_without_ink():
    assert find_characters(np.zeros((40, 40), np.uint8)) == []
    assert group_lines([]) == []


def components_at(*centers):
    """Components 30 pixels wide by the center and height of each."""
    return [
        Component((k,), (x - 15, round(y - height / 2), 30, height), 200) for k, (x, y, height) in enumerate(centers, 1)
    ]


@pytest.mark.parametrize("slope", [-0.4, -0.36, 0.36, 0.4])
def test_group_lines_joins_steep_line(slope):
    components = components_at(
        *((x, 300 + slope * x, height) for x, height in ((20, 60), (100, 40), (180, 40), (250, 60)))
    )
    assert group_lines(components) == [components]


def test_group_lines_keeps_columns_and_lines_apart():
    left, right = components_at((20, 50, 40), (60, 50, 40)), components_at((110, 110, 40), (150, 110, 40))
    assert group_lines([*left, *right]) == [left, right]
    above, below = components_at((20, 50, 40), (60, 50, 40)), components_at((20, 110, 40), (60, 110, 40))
    assert group_lines([*above, *below]) == [above, below]
