import cv2
import numpy as np

from tenfold.ocr.components import find_components, remove_lines, remove_specks
from tenfold.ocr.layout import group_strokes
from tests.ocr.drawn_digits import draw_digits


def find_characters(ink):
    return group_strokes(remove_lines(remove_specks(find_components(ink).components), ink.shape))


def test_crop_contains_only_its_own_ink():
    ink = np.zeros((60, 60), np.uint8)
    cv2.line(ink, (5, 5), (50, 50), 255, 3)
    cv2.line(ink, (30, 5), (55, 28), 255, 3)  # in the other one's box
    components = find_components(ink)
    assert len(components.components) == 2
    crops = [components.crop(component) for component in components.components]
    assert sum(int((crop > 0).sum()) for crop in crops) == int((ink > 0).sum())


def test_remove_specks_and_borders():
    ink = np.pad(draw_digits("38", 60, 6, gap=10), 60)
    for x, y in ((10, 10), (200, 30), (150, 170)):
        ink[y : y + 3, x : x + 3] = 255
    ink[:, :9] = 255  # the table beside the paper
    assert len(find_characters(ink)) == 2


def test_remove_lines_drops_frame():
    ink = np.pad(draw_digits("3", 60, 6), 40)
    cv2.rectangle(ink, (5, 5), (ink.shape[1] - 6, ink.shape[0] - 6), 255, 2)
    assert len(find_characters(ink)) == 1
