"""Printed boxes and drawn rings around digits."""

import cv2
import numpy as np
import pytest

from tenfold.ocr.components import find_components
from tenfold.ocr.form_boxes import remove_boxes, remove_sides
from tenfold.ocr.reader import read
from tests.ocr.drawn_digits import draw_digits, draw_on_paper


def put(ink, digit, left, top):
    height, width = digit.shape
    ink[top : top + height, left : left + width] |= digit


@pytest.mark.parametrize("pen", [1, 2, 4])
def test_remove_boxes_around_digits(model, pen):
    form = np.zeros((160, 620), np.uint8)
    for index, value in enumerate("4062"):
        cv2.rectangle(form, (20 + 150 * index, 20), (140 + 150 * index, 140), 255, pen)
        digit = draw_digits(value, 60, 6, margin=0)
        put(form, digit, 60 + 150 * index, 50)
    assert read(draw_on_paper(form), "auto", model).text == "4062"


def test_remove_boxes_of_a_table(model):
    table = np.zeros((260, 400), np.uint8)
    for x in (10, 130, 250, 370):
        cv2.line(table, (x, 10), (x, 250), 255, 3)
    for y in (10, 130, 250):
        cv2.line(table, (10, y), (370, y), 255, 3)
    for index, value in enumerate("712368"):
        digit = draw_digits(value, 60, 6, margin=0)
        put(table, digit, 50 + 120 * (index % 3), 40 + 120 * (index // 3))
    assert read(draw_on_paper(table), "auto", model).text == "712\n368"


@pytest.mark.parametrize("down", [0, 12, 17])
def test_remove_boxes_keeps_touching_digits(model, down):
    form = np.zeros((130, 430), np.uint8)
    for index, value in enumerate("8575"):
        cv2.rectangle(form, (15 + 100 * index, 15), (115 + 100 * index, 115), 255, 3)
        put(form, draw_digits(value, 70, 8, margin=0), 40 + 100 * index, 20 + (down if index % 2 else 0))
    assert read(draw_on_paper(form), "line", model).text == "8575"


@pytest.mark.parametrize("axes", [(85, 85), (110, 80), (80, 105)])
def test_remove_boxes_drops_rings(model, axes):
    for value in "0123456789":
        ink = np.zeros((300, 300), np.uint8)
        cv2.ellipse(ink, (150, 150), axes, 0, 0, 345, 255, 6, cv2.LINE_AA)  # not quite closed
        digit = draw_digits(value, 70, 8, margin=0)
        put(ink, digit, 150 - digit.shape[1] // 2, 150 - digit.shape[0] // 2)
        assert read(draw_on_paper(ink), "digit", model).text == value


@pytest.mark.parametrize("text", ["0", "8", "6", "9", "4", "00", "2"])
def test_remove_boxes_keeps_digits(text):
    found = find_components(draw_digits(text, 120, 8))
    assert remove_boxes(found) is found
    dotted = found.ink.copy()
    cv2.circle(dotted, (dotted.shape[1] // 2, dotted.shape[0] // 2), 8, 255, -1)
    assert remove_boxes(find_components(dotted)).components


def test_remove_boxes_keeps_empty_box():
    ink = np.zeros((200, 200), np.uint8)
    cv2.rectangle(ink, (30, 30), (170, 170), 255, 4)
    found = find_components(ink)
    assert remove_boxes(found) is found


@pytest.mark.parametrize("thickness", [2, 5, 9])
def test_remove_sides_keeps_crossing_strokes(thickness):
    digit = draw_digits("5", 90, 8, margin=0)
    box, written = np.zeros((2, 110, 330), np.uint8)
    for left in (0, 110, 220):
        cv2.rectangle(box, (left, 0), (left + 109, 109), 255, thickness)
    written[20:, 140 : 140 + digit.shape[1]] = digit[:90]
    left = remove_sides(box | written)
    line = (box > 0) & (cv2.dilate(written, np.ones((9, 9), np.uint8)) == 0)
    assert (left[line] > 0).mean() < 0.1
    assert (left[written > 127] > 0).mean() > 0.9
