import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tenfold.ocr.image import load_image
from tenfold.ocr.panel import find_panel


def draw_figure(image, **settings):
    figure = Figure(figsize=(5, 4))
    axes = figure.add_subplot()
    axes.imshow(image, **settings)
    axes.set_title("label: 7")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return load_image(np.asarray(canvas.buffer_rgba())[..., :3].copy()).gray


@pytest.fixture
def image():
    made = np.zeros((28, 28), np.uint8)
    cv2.line(made, (14, 4), (14, 23), 255, 2)
    return made


@pytest.mark.parametrize("cmap", ["viridis", "gray", "magma", "plasma"])
def test_find_panel_finds_the_image_of_a_figure(image, cmap):
    page = find_panel(draw_figure(image, cmap=cmap))
    height, width = page.gray.shape
    assert abs(height - width) <= 4
    assert height > 200
    levels = cv2.resize(page.gray, (28, 28), interpolation=cv2.INTER_AREA).astype(int)
    assert abs(levels[14, 14] - levels[14, 4]) > 60, "the stroke is in the middle"


def test_find_panel_ignores_frames_letters_and_photos(image):
    framed = np.full((200, 300), 255, np.uint8)
    cv2.rectangle(framed, (30, 30), (270, 170), 0, 3)
    letter = np.full((200, 200), 255, np.uint8)
    cv2.putText(letter, "B", (30, 170), cv2.FONT_HERSHEY_SIMPLEX, 6, 0, 30)
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    beside = np.full((300, 300), 255, np.uint8)
    beside[20:160, 20:280] = 60  # a dark box, and digits below it
    cv2.putText(beside, "42", (60, 270), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 6)
    for picture in (beside, framed, letter, noise, np.zeros((100, 100), np.uint8), image):
        assert find_panel(picture) is None
