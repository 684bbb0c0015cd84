"""Binarization of drawings whose ink is known, on many backgrounds."""

import cv2
import numpy as np
import pytest

from tenfold.ocr.binarize import binarize, is_light_on_dark
from tests.ocr.drawn_digits import draw_digits, draw_on_paper

INK = draw_digits("2750", 60, 6)
HEIGHT, WIDTH = INK.shape
DOWN, RIGHT = np.mgrid[0:HEIGHT, 0:WIDTH] / [[[HEIGHT]], [[WIDTH]]]


def overlap(found, ink=INK):
    """Intersection over union of the strokes."""
    one, other = found > 127, ink > 127
    return (one & other).sum() / (one | other).sum()


def scene(name):
    noise = np.random.default_rng(1).normal(0, 3, INK.shape)
    fraction = INK / 255
    shadow = np.where(RIGHT + 0.3 * DOWN > 0.6, 0.55, 1.0)
    pictures = {
        "canvas": 255.0 - INK,
        "drawn light on black": 255.0 * fraction,
        "paper": 220 - 150 * fraction + noise,
        "board": 50 + 140 * fraction + noise,
        "dim on black": 60.0 * fraction,
        "light from one side": (1 - 0.6 * RIGHT) * (225 - 150 * fraction) + noise,
        "shadow": cv2.GaussianBlur(shadow, (0, 0), 4) * (225 - 150 * fraction) + noise,
        "pencil": 215 - 40 * fraction + noise,
        "noise": 200 - 120 * fraction + 6 * noise,
        "clouds": 200 - 120 * fraction + 8 * np.sin(9 * RIGHT) + noise,
        "faint squares": np.minimum(
            225 - 35.0 * ((np.mgrid[0:HEIGHT, 0:WIDTH] % 20 == 0).any(axis=0)), 225 - 150 * fraction
        ),
    }
    return pictures[name].clip(0, 255).astype(np.uint8)


SCENES = ["canvas", "drawn light on black", "paper", "board", "dim on black", "light from one side", "shadow", "pencil",
          "noise", "clouds", "faint squares"]  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
def test_binarize_finds_strokes_on_any_background(name):
    found = binarize(scene(name))
    assert overlap(found.ink) > 0.75
    assert found.is_light == (name in ("drawn light on black", "board", "dim on black"))
    # The ground is pure black, but for specks.
    away = cv2.dilate(INK, np.ones((9, 9), np.uint8)) == 0
    assert (found.ink[away] > 0).mean() < 0.003


@pytest.mark.parametrize("name", ["paper", "board", "pencil"])
def test_binarize_negative_gives_same_ink(name):
    picture = scene(name)
    assert is_light_on_dark(255 - picture) != is_light_on_dark(picture)
    assert overlap(binarize(255 - picture).ink) > 0.75


@pytest.mark.parametrize("pen", [2, 4, 8, 16, 24])
def test_binarize_thin_and_thick_strokes(pen):
    ink = draw_digits("5", 90, pen, margin=30)
    assert overlap(binarize(draw_on_paper(ink)).ink, ink) > (0.6 if pen == 2 else 0.8)


def test_binarize_keeps_clean_drawing():
    for picture in (INK, 255 - INK):
        found = binarize(picture).ink
        assert ((found > 0) <= (INK > 0)).all()
        np.testing.assert_array_equal(found[INK == 255], 255)


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (28, 28), (300, 200)])
def test_binarize_uniform_picture_is_empty(level, shape):
    found = binarize(np.full(shape, level, np.uint8))
    assert not found.ink.any()
    assert found.contrast == 0


def test_binarize_ignores_soft_light():
    noise = np.random.default_rng(2).normal(0, 2, (240, 320))
    x = np.linspace(0, 1, 320)
    for depth in (20, 80, 140):
        found = binarize((230 - depth * x + noise).clip(0, 255).astype(np.uint8))
        assert (found.ink > 0).mean() < 0.05
        assert found.contrast < 7


def test_binarize_with_given_polarity():
    picture = scene("paper")
    assert binarize(picture, light=False).is_light is False
    assert overlap(binarize(picture, light=True).ink) < 0.3


@pytest.mark.parametrize("offset", range(1, 8))
def test_binarize_ignores_thin_ruled_lines(offset):
    page = np.full((600, 800), 255, np.uint8)
    page[offset::24] = 185
    page = cv2.putText(page, "3", (300, 450), cv2.FONT_HERSHEY_SIMPLEX, 12, 40, 24)
    ink = binarize(page).ink
    assert ink[300:320, 420:470].any(), "the digit is there"
    assert not ink[:, :200].any()


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("noise", [0, 2])
def test_binarize_finds_small_writing_on_large_page(light, noise):
    """A sample of the pixels may miss all of it."""
    draw = np.random.default_rng(0)
    for _ in range(12):
        sheet = np.full((1500, 1500), 240, np.float64)
        x, y = draw.integers(50, 1400, 2)
        pen = np.zeros(sheet.shape, np.uint8)
        cv2.putText(pen, "7", (int(x), int(y)), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)  # 18 pixels high
        sheet = (sheet - 0.8 * pen + draw.normal(0, noise, sheet.shape)).clip(0, 255).astype(np.uint8)
        found = binarize(255 - sheet if light else sheet)
        assert found.is_light is light
        assert (found.ink[pen > 200] > 128).mean() > 0.9
        assert (found.ink[pen == 0] > 128).mean() < 1e-5


def lit(light, seed=2):
    """A line of digits on a larger page, under light of 0 to 1, (H, W)."""
    ink = np.pad(INK, ((80, 80), (60, 60)))
    gray = light * (230 - 150 * (ink / 255)) + np.random.default_rng(seed).normal(0, 2, ink.shape)
    return gray.clip(0, 255).astype(np.uint8), ink


SHEET = np.mgrid[0 : HEIGHT + 160, 0 : WIDTH + 120] / float(WIDTH + 120)


@pytest.mark.parametrize("left", [0.3, 0.5])  # of full light
@pytest.mark.parametrize("softness", [0, 2, 12])  # pixels
@pytest.mark.parametrize("angle", [0, 30, 60, 90, 150, 200])
def test_binarize_ignores_shadow_edge(angle, softness, left):
    across, down = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    behind = across * (SHEET[1] - 0.55) + down * (SHEET[0] - 0.3) > 0
    light = np.where(behind, left, 1.0)
    gray, ink = lit(cv2.GaussianBlur(light, (0, 0), softness) if softness else light)
    found = binarize(gray)
    assert not found.is_light
    assert overlap(found.ink, ink) > 0.75


@pytest.mark.parametrize("index", [(0.2, 0.2), (0.5, 0.3), (0.8, 0.4)])
def test_is_light_on_dark_ignores_lamp(index):
    away = ((SHEET[1] - index[0]) ** 2 + (SHEET[0] - index[1]) ** 2) / (2 * 0.2**2)
    gray, ink = lit(1 - 0.4 * (1 - np.exp(-away)))
    found = binarize(gray)
    assert not found.is_light
    assert overlap(found.ink, ink) > 0.8
    assert binarize(255 - gray).is_light
