"""Draw digits on the page of `tenfold serve` and save what it shows as docs/page.png.

    python scripts/screenshot_page.py

Needs Chromium and the extra `dev`.
"""

import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).parents[1] / "docs" / "page.png"
POINTS_PER_ARC = 24

Point = tuple[float, float]

# Strokes in pixels of the canvas: lists of corners, or of arcs (center, radii, from and to in degrees, clockwise).
SEVEN = [(62, 148), (163, 150), (140, 220), (83, 321)]
THREE_TOP, THREE_BOTTOM = ((252, 180), (48, 40), -160, 90), ((240, 258), (56, 42), -80, 140)
EIGHT_TOP, EIGHT_BOTTOM = ((398, 186), (42, 38), 90, -270), ((398, 270), (46, 46), -90, 270)
FIVE = [(600, 140), (524, 148), (520, 210)]
FIVE_BOWL = ((536, 258), (58, 50), -108, 150)
FOUR, FOUR_STEM = [(130, 140), (80, 240), (190, 240)], [(165, 190), (165, 320)]
TWO_TOP, TWO_BASE = ((300, 190), (50, 45), -170, 60), [(326, 228), (250, 310), (360, 310)]


def main() -> None:
    command = [sys.executable, "-m", "tenfold", "serve", "--port", "0", "--no-feedback"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert server.stdout is not None
        address = re.search(r"http://\S+", server.stdout.readline())
        assert address is not None
        take_screenshot(address.group())
    finally:
        server.terminate()
        server.wait()


def take_screenshot(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": 1260, "height": 880})
        page.goto(address)
        write(page, FOUR, FOUR_STEM, [*arc(*TWO_TOP), *TWO_BASE])
        wait_for_text(page, "42")
        page.click("#clear")
        three = [*arc(*THREE_TOP), *arc(*THREE_BOTTOM)]
        write(page, SEVEN, three, [*arc(*EIGHT_TOP), *arc(*EIGHT_BOTTOM)], [*FIVE, *arc(*FIVE_BOWL)])
        wait_for_text(page, "7385")
        page.locator("#text .digit").nth(2).click()  # show what the network saw of the 8
        page.mouse.move(5, 5)
        page.wait_for_timeout(1000)
        page.screenshot(path=OUT)
        browser.close()


def wait_for_text(page: Page, text: str) -> None:
    page.wait_for_function("text => document.querySelector('#text').textContent === text", arg=text)


def write(page: Page, *strokes: list[Point]) -> None:
    pad = page.locator("#pad").bounding_box()
    assert pad is not None
    for stroke in strokes:
        corners = [(pad["x"] + x, pad["y"] + y) for x, y in stroke]
        page.mouse.move(*corners[0])
        page.mouse.down()
        for x, y in corners[1:]:
            page.mouse.move(x, y, steps=4)
        page.mouse.up()


def arc(center: Point, radii: Point, start: float, end: float) -> Iterator[Point]:
    for step in range(POINTS_PER_ARC + 1):
        angle = math.radians(start + (end - start) * step / POINTS_PER_ARC)
        yield center[0] + radii[0] * math.cos(angle), center[1] + radii[1] * math.sin(angle)


if __name__ == "__main__":
    main()
