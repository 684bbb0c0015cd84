"""The page in Chromium, driven by mouse, keyboard, pen, touch and files."""

import io
import math
import re

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from tenfold.serving.feedback import Feedback
from tests.serving.serving_help import command, png, wait_for

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.browser


def arc(x, y, rx, ry, begin, end):
    """Points of an ellipse's arc, degrees clockwise from three o'clock."""
    steps = max(4, int(abs(end - begin) / 20))
    angles = [math.radians(begin + (end - begin) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


# In a box of 1 x 1.6.
DIGITS = {
    0: [arc(0.5, 0.8, 0.45, 0.75, -90, 270)],
    1: [[(0.3, 0.35), (0.55, 0.05), (0.55, 1.55)]],
    2: [[*arc(0.5, 0.45, 0.42, 0.4, -170, 30), (0.08, 1.5), (0.95, 1.5)]],
    3: [[*arc(0.45, 0.42, 0.4, 0.37, -150, 90), *arc(0.45, 1.15, 0.45, 0.38, -90, 150)]],
    4: [[(0.6, 0.05), (0.05, 1.0), (0.95, 1.0)], [(0.7, 0.6), (0.68, 1.55)]],
    5: [[(0.25, 0.05), (0.2, 0.65), *arc(0.42, 1.08, 0.45, 0.45, -110, 140)], [(0.25, 0.05), (0.9, 0.05)]],
    6: [[(0.7, 0.05), *arc(0.5, 1.1, 0.42, 0.42, -150, -510)]],
    7: [[(0.08, 0.08), (0.92, 0.08), (0.4, 1.55)]],
    8: [[*arc(0.5, 0.42, 0.36, 0.36, 90, -270), *arc(0.5, 1.15, 0.42, 0.38, -90, 270)]],
    9: [[*arc(0.5, 0.45, 0.38, 0.4, 0, -360), (0.86, 0.5), (0.75, 1.55)]],
}


def write(page, digit, left=230, top=110, size=165):
    """Draw a digit with the mouse, at a position in the 640 x 480 units of the drawing area."""
    box = page.locator("#pad").bounding_box()
    scale = box["width"] / 640
    for stroke in DIGITS[digit]:
        points = [(box["x"] + (left + size * x) * scale, box["y"] + (top + size * y) * scale) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=2)
        page.mouse.up()


def expect_text(page, text):
    expect(page.locator("#text")).to_have_text(text, timeout=20_000)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("feedback") / "feedback.db"


@pytest.fixture(scope="module")
def url(database):
    with command("--feedback", database) as server:
        yield server.url


@pytest.fixture
def page(browser, url):
    """A page that sends requests to its server only and logs no errors."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    messages, asked = [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    expect(page.locator("#model-info")).not_to_be_empty()
    yield page
    assert messages == []
    assert [one for one in asked if not one.startswith((url, "blob:", "data:"))] == []
    context.close()


def test_page_reads_each_drawn_digit(page):
    for digit in range(10):
        write(page, digit)
        expect_text(page, str(digit))
        assert page.locator(".bar.best b").inner_text() == str(digit)
        page.keyboard.press("Escape")
        page.wait_for_selector("body[data-state=empty]")


def test_page_shows_explanation(page):
    write(page, 5)
    expect_text(page, "5")
    assert re.search(r"% confident · read in \d+ ms", page.locator("#summary").inner_text())
    expect(page.locator("#spoken")).to_have_text("Read: 5")
    page.wait_for_selector("#heatmap:not(.waiting)")
    for canvas in ("input-image", "heatmap"):
        drawn = page.evaluate(
            f"Math.max(...document.getElementById('{canvas}').getContext('2d').getImageData(0, 0, 28, 28).data)"
        )
        assert drawn > 100


def test_page_reads_unfinished_strokes(page):
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 300, steps=10)
    page.wait_for_selector("body[data-state=read]")
    page.mouse.up()


def test_page_explains_each_digit_of_a_line(page):
    for index, digit in enumerate((3, 0, 7)):
        write(page, digit, left=60 + 190 * index, size=130)
    expect_text(page, "307")
    page.locator("#text button").nth(2).click()
    assert page.locator(".bar.best b").inner_text() == "7"
    assert page.locator("#question").inner_text().startswith("Is digit 3 wrong?")
    assert page.locator(".box").count() == 3
    inner, sheet = page.locator(".box").nth(1).bounding_box(), page.locator("#sheet").bounding_box()
    middle = (inner["x"] + inner["width"] / 2 - sheet["x"]) / sheet["width"] * 640
    assert 250 < middle < 380


def test_undo_and_clear(page):
    write(page, 4)
    expect_text(page, "4")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#text")).not_to_have_text("4")
    page.keyboard.press("Escape")
    page.wait_for_selector("body[data-state=empty]")
    assert page.locator("#summary").inner_text() == "Nothing to read yet"
    assert page.get_by_role("button", name="Clear").is_disabled()
    page.keyboard.press("z")
    page.wait_for_selector("#sheet[data-shows=writing]")
    page.wait_for_selector("body:not([data-state=empty])")


def test_redo_until_next_stroke(page):
    write(page, 3, left=60)
    write(page, 1, left=300)
    expect_text(page, "31")
    for back, forth in (("z", "Shift+Z"), ("Control+z", "Control+Shift+Z"), ("Control+z", "Control+y")):
        page.keyboard.press(back)
        expect_text(page, "3")
        page.keyboard.press(forth)
        expect_text(page, "31")
        page.keyboard.press(forth)
    expect_text(page, "31")
    page.keyboard.press("z")
    write(page, 7, left=300)
    page.keyboard.press("Control+y")
    expect_text(page, "37")


def test_undo_during_a_stroke(page):
    write(page, 1)
    expect_text(page, "1")
    before = page.evaluate("document.getElementById('pad').toDataURL()")
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 90, steps=3)
    page.keyboard.press("z")
    page.mouse.move(box["x"] + 300, box["y"] + 90, steps=3)
    page.mouse.up()
    assert page.evaluate("document.getElementById('pad').toDataURL()") == before


def test_history_restores_results(page):
    write(page, 2)
    expect_text(page, "2")
    page.get_by_role("button", name="Clear").click()
    write(page, 8)
    expect_text(page, "8")
    page.get_by_role("button", name="Show 2 again").click()
    expect_text(page, "2")
    assert page.locator(".bar.best b").inner_text() == "2"


def expect_done(page, text):
    """Wait until the finished drawing has been read."""
    expect_text(page, text)
    expect(page.locator("#spoken")).to_have_text(f"Read: {text}")


def history_texts(page):
    return page.locator("#history span").all_inner_texts()


def test_history_keeps_the_current_drawing(page):
    write(page, 7)
    expect_text(page, "7")
    page.keyboard.press("Escape")
    write(page, 1, left=120)
    write(page, 7, left=320)
    expect_text(page, "17")
    page.get_by_role("button", name="Show 7 again").click()
    expect_text(page, "7")
    assert history_texts(page) == ["17", "7"]
    page.get_by_role("button", name="Undo").click()
    expect_text(page, "17")
    page.keyboard.press("Control+y")
    expect_text(page, "7")
    page.get_by_role("button", name="Show 17 again").click()
    expect_text(page, "17")


def test_history_keeps_a_drawing_replaced_by_a_picture(page):
    write(page, 2)
    expect_text(page, "2")
    page.evaluate(PROVIDE_FILE, ["drop", list(photo()), "image/jpeg"])
    expect_text(page, "35")
    page.get_by_role("button", name="Show 2 again").click()
    expect_text(page, "2")
    page.get_by_role("button", name="Show 35 again").click()
    expect_text(page, "35")
    page.keyboard.press("Escape")
    page.wait_for_selector("body[data-state=empty]")
    page.keyboard.press("z")
    expect_text(page, "2")
    assert history_texts(page) == ["35", "2"]


def test_history_has_no_duplicates(page):
    write(page, 7)
    expect_text(page, "7")
    page.keyboard.press("Escape")
    for _ in range(2):
        page.get_by_role("button", name="Show 7 again").click()
        expect_text(page, "7")
        page.keyboard.press("Escape")
        page.keyboard.press("z")
        expect_text(page, "7")
        page.wait_for_timeout(500)  # till it is read anew
        page.keyboard.press("Escape")
    assert history_texts(page) == ["7"]


def test_history_rereads_unfinished_strokes(page):
    write(page, 7, left=120)
    expect_done(page, "7")
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.25 * box["height"])
    with page.expect_response("**/v1/read*"):
        page.mouse.down()
    page.wait_for_timeout(200)
    held = []
    page.route("**/v1/read*", lambda route: held.append(route), times=1)
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"], steps=9)
    page.mouse.up()
    wait_for(lambda: page.evaluate("1") and held)
    page.keyboard.press("Escape")
    assert history_texts(page)[0] == "7"
    before = len(history_texts(page))
    held[0].continue_()
    page.keyboard.press("z")
    expect_done(page, "71")
    page.keyboard.press("Escape")
    assert history_texts(page)[0] == "71"
    assert len(history_texts(page)) == before


def test_history_is_limited(page):
    page.evaluate("""() => {
        window.urls = new Set();
        const [make, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
        URL.createObjectURL = (blob) => { const url = make(blob); window.urls.add(url); return url; };
        URL.revokeObjectURL = (url) => { window.urls.delete(url); revoke(url); };
    }""")
    for number in range(22):
        write(page, 1 if number else 7)
        expect_text(page, "1" if number else "7")
        page.keyboard.press("Escape")
        expect_text(page, "")
    assert history_texts(page) == ["1"] * 20
    assert page.evaluate("window.urls.size") == 20


def expect_stored(page, label, button):
    """The message is visible and announced to screen readers."""
    messages = page.get_by_role("status")
    expect(messages).to_have_text(f"Thank you, stored as {label}. Choose another digit to change it.")
    expect(page.locator(".details").get_by_role("button", pressed=True)).to_have_count(1)
    expect(page.get_by_role("button", name=button, pressed=True)).to_be_visible()


def test_page_corrects_a_digit(page, database):
    before = len(Feedback(database).list())
    write(page, 1)
    expect_done(page, "1")
    page.get_by_role("button", name=re.compile("^(Confirm|Correct to) 7")).click()
    expect_stored(page, "7", re.compile("^(Confirm|Correct to) 7"))
    page.get_by_role("button", name="Not a digit").click()
    expect_stored(page, "not a digit", "Not a digit")
    page.keyboard.press("1")
    expect_stored(page, "1", re.compile("^(Confirm|Correct to) 1"))
    kept = Feedback(database).list()[before:]
    assert [(one.prediction, one.label) for one in kept] == [(1, 7), (1, None), (1, 1)]
    assert all(one.image.any() for one in kept)


def test_correction_stays_marked(page):
    write(page, 1)
    expect_done(page, "1")
    page.keyboard.press("7")
    expect_stored(page, "7", re.compile("^(Confirm|Correct to) 7"))
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect_text(page, "1")
    expect(page.get_by_role("button", name=re.compile("^(Confirm|Correct to) 7"), pressed=True)).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show 1 again").click()
    expect(page.get_by_role("button", name=re.compile("^(Confirm|Correct to) 7"), pressed=True)).to_be_visible()


def photo():
    """A 3 and a 5 on unevenly lit paper, with camera noise."""
    sheet = Image.new("L", (900, 600), 0)
    draw = ImageDraw.Draw(sheet)
    for digit, left in ((3, 220), (5, 520)):
        for stroke in DIGITS[digit]:
            draw.line([(left + 150 * x, 170 + 150 * y) for x, y in stroke], 255, 14, joint="curve")
    ink = np.asarray(sheet.filter(ImageFilter.GaussianBlur(1.5))).astype(float) / 255
    light = np.linspace(215, 150, 900)[None, :] + np.linspace(0, -20, 600)[:, None]
    gray = light * (1 - 0.7 * ink) + np.random.default_rng(0).normal(0, 3, ink.shape)
    out = io.BytesIO()
    Image.fromarray(gray.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
    return out.getvalue()


PROVIDE_FILE = """async ([kind, bytes, type]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], "photo", { type }));
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
    : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.getElementById("sheet").dispatchEvent(event);
}"""


@pytest.mark.parametrize("way", ["drop", "paste", "choose"])
def test_page_reads_a_photo_with_boxes(page, way, tmp_path):
    if way == "choose":
        (tmp_path / "photo.jpg").write_bytes(photo())
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Picture").click()
        chooser.value.set_files(tmp_path / "photo.jpg")
    else:
        page.evaluate(PROVIDE_FILE, [way, list(photo()), "image/jpeg"])
    expect_text(page, "35")
    assert page.locator("#photo").is_visible()
    sheet = page.locator("#photo").bounding_box()
    for box, middle in zip(page.locator(".box").all(), (295, 595), strict=True):
        found = box.bounding_box()
        assert abs((found["x"] + found["width"] / 2 - sheet["x"]) / sheet["width"] * 900 - middle) < 25
    page.locator(".box").nth(1).click()
    assert page.locator(".bar.best b").inner_text() == "5"
    page.keyboard.press("Escape")
    page.wait_for_selector("body[data-state=empty]")
    assert page.locator("#pad").is_visible()


@pytest.mark.parametrize("ink", [0, 255])
def test_downscaled_picture_stays_transparent(page, ink):
    """Ink on a transparent background, larger than the page sends."""
    sheet = Image.new("LA", (2700, 1200), (ink, 0))
    draw = ImageDraw.Draw(sheet)
    for digit, left in ((3, 800), (5, 1500)):
        for stroke in DIGITS[digit]:
            draw.line([(left + 350 * x, 300 + 350 * y) for x, y in stroke], (ink, 255), 40, joint="curve")
    page.evaluate(PROVIDE_FILE, ["drop", list(png(np.asarray(sheet))), "image/png"])
    expect_text(page, "35")


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (9000, 1)])
def test_very_wide_picture_fits_the_screen(page, size):
    page.evaluate(PROVIDE_FILE, ["drop", list(png(np.full(size[::-1], 230, np.uint8))), "image/png"])
    page.wait_for_selector("body[data-state=none]")
    sheet = page.locator("#sheet").bounding_box()
    assert sheet["height"] <= 0.65 * 900
    assert min(sheet["width"], sheet["height"]) >= 50


def test_boxes_match_the_digits_of_a_long_picture(page):
    row = Image.new("L", (2400, 80), 255)
    draw = ImageDraw.Draw(row)
    draw.line([(1800, 15), (1800, 65)], 0, 9)
    page.evaluate(PROVIDE_FILE, ["drop", list(png(np.asarray(row))), "image/png"])
    expect_text(page, "1")
    sheet, box = page.locator("#photo").bounding_box(), page.locator(".box").bounding_box()
    assert abs((box["x"] + box["width"] / 2 - sheet["x"]) / sheet["width"] - 1800 / 2400) < 0.01
    assert abs((box["y"] + box["height"] / 2 - sheet["y"]) / sheet["height"] - 0.5) < 0.05


def tiff():
    out = io.BytesIO()
    Image.open(io.BytesIO(photo())).save(out, "TIFF")
    return out.getvalue()


def test_picture_without_preview_is_read(page, database):
    before = len(Feedback(database).list())
    write(page, 7)
    expect_text(page, "7")
    page.evaluate(PROVIDE_FILE, ["drop", list(tiff()), "image/tiff"])
    expect_text(page, "35")
    assert page.locator("#no-preview").is_visible()
    assert page.locator("#photo").is_hidden()
    assert page.locator(".box").count() == 0
    page.locator("#text button").nth(1).click()
    page.keyboard.press("5")
    page.wait_for_selector("text=Thank you, stored as 5.")
    page.keyboard.press("Escape")
    page.wait_for_selector("body[data-state=empty]")
    assert page.locator("#no-preview").is_hidden()
    assert history_texts(page) == ["35", "7"]
    page.get_by_role("button", name="Show 35 again").click()
    page.wait_for_selector("#no-preview")
    expect_text(page, "35")
    assert [one.label for one in Feedback(database).list()[before:]] == [5]


def test_slow_picture_gives_way_to_a_drawing(page):
    held = []
    page.route("**/v1/read*", lambda route: held.append(route), times=1)
    page.evaluate(PROVIDE_FILE, ["drop", list(tiff()), "image/tiff"])
    wait_for(lambda: page.evaluate("1") and held)
    write(page, 7)
    expect_done(page, "7")
    held[0].continue_()
    page.wait_for_timeout(500)
    expect_text(page, "7")
    assert page.locator("#sheet").get_attribute("data-shows") == "writing"


def test_dropped_folder_is_refused(page, tmp_path):
    box = page.locator("#pad").bounding_box()
    index = {"x": box["x"] + 50, "y": box["y"] + 50}
    data = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **index})
    page.wait_for_selector("text=The file can't be opened.")


def test_many_lines_can_be_scrolled(page):
    rows = Image.new("L", (300, 700), 255)
    draw = ImageDraw.Draw(rows)
    for row in range(6):
        for column in range(3):
            left, top = 60 + 70 * column, 40 + 110 * row
            draw.line([(left, top), (left, top + 60)], 0, 9)
    page.evaluate(PROVIDE_FILE, ["drop", list(png(np.asarray(rows))), "image/png"])
    expect(page.locator(".text .line")).to_have_count(6)
    first, box = page.locator(".text .line").first, page.locator(".text")
    first.scroll_into_view_if_needed()
    assert first.bounding_box()["y"] >= box.bounding_box()["y"] - 1


def test_page_reads_the_camera(chromium, url, tmp_path):
    """With Chromium's fake camera, which plays a video."""
    (tmp_path / "film.mjpeg").write_bytes(photo() * 3)
    film = f"--use-file-for-fake-video-capture={tmp_path / 'film.mjpeg'}"
    filming = chromium("--use-fake-device-for-media-stream", film)
    page = filming.new_context(permissions=["camera"]).new_page()
    page.goto(url)
    page.locator("#camera").click()
    wait_for(lambda: page.evaluate("document.getElementById('video').videoWidth") > 0)
    page.locator("#camera-dialog button[value=photo]").click()
    expect_text(page, "35")
    assert page.locator("#photo").is_visible()
    assert page.evaluate("document.getElementById('video').srcObject") is None  # its light is out
    filming.close()


def test_page_reports_missing_camera(page):
    page.locator("#camera").click()
    page.wait_for_selector("text=No camera is available, or the page is not allowed to use it.")


def test_page_reports_pictures_without_digits(page):
    page.evaluate(PROVIDE_FILE, ["drop", list(png(np.full((200, 300), 230, np.uint8))), "image/png"])
    page.wait_for_selector("body[data-state=none]")
    assert page.locator("#summary").inner_text().startswith("No digit here")


def test_unreadable_file_keeps_the_current_content(browser, url):
    page = browser.new_page()
    page.goto(url)
    write(page, 7)
    expect_text(page, "7")
    page.wait_for_selector("#heatmap:not(.waiting)")
    page.evaluate(PROVIDE_FILE, ["drop", list(b"hello"), "image/png"])
    page.wait_for_selector("text=is no picture that can be read")
    expect_text(page, "7")
    assert page.locator("#sheet").get_attribute("data-shows") == "writing"
    assert "% confident" in page.locator("#summary").inner_text()
    assert page.locator("#history li").count() == 0
    page.close()


def answer(status, code, message):
    """The body of an error response, for routes that replace the server."""
    return {"status": status, "json": {"error": {"code": code, "message": message}}}


BUSY = answer(503, "queue_full", "too many requests are waiting; come again in a second")


def test_failed_reading_has_nothing_to_correct(browser, url):
    page = browser.new_page()
    page.goto(url)
    write(page, 1)
    expect_text(page, "1")
    page.wait_for_selector("#heatmap:not(.waiting)")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.route("**/v1/read*", lambda route: route.fulfill(**answer(504, "timeout", "there was no answer within 10 s")))
    write(page, 1, left=300)
    page.wait_for_selector("text=there was no answer within 10 s")
    page.wait_for_selector("body[data-state=empty]")
    page.keyboard.press("3")
    page.wait_for_timeout(200)
    assert not any(one.endswith("/v1/feedback") for one in sent)
    page.close()


def test_cleared_drawing_is_not_read_later(browser, url):
    page = browser.new_page()
    failed = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(url)
    page.route("**/v1/read*", lambda route: route.fulfill(**BUSY), times=1)
    with page.expect_response("**/v1/read*"):
        write(page, 1)
    page.keyboard.press("Escape")
    page.wait_for_timeout(1500)
    assert (failed, page.locator("#notice").is_visible()) == ([], False)
    write(page, 7)
    expect_text(page, "7")
    page.close()


def test_correction_is_retried_while_the_server_is_busy(browser, url, database):
    page = browser.new_page()
    page.goto(url)
    write(page, 1)
    expect_done(page, "1")
    before = len(Feedback(database).list())
    page.route("**/v1/feedback", lambda route: route.fulfill(**BUSY), times=2)
    page.keyboard.press("7")
    page.wait_for_selector("text=The server is busy; the correction (7) will be sent again.")
    page.keyboard.press("Escape")  # it is sent all the same
    page.wait_for_selector("text=Thank you, stored as 7.")
    assert [(one.prediction, one.label) for one in Feedback(database).list()[before:]] == [(1, 7)]
    page.close()


def test_only_the_last_waiting_correction_is_sent(browser, url, database):
    page = browser.new_page()
    page.goto(url)
    write(page, 1)
    expect_done(page, "1")
    before = len(Feedback(database).list())
    lost = []

    def lose_sevens(route):
        if route.request.post_data_json["label"] != 7:
            return route.continue_()
        lost.append(7)
        return route.abort()

    page.route("**/v1/feedback", lose_sevens)
    page.keyboard.press("7")
    page.wait_for_selector("text=The server is not responding.")
    page.keyboard.press("4")
    page.wait_for_selector("text=Thank you, stored as 4.")
    assert page.locator(".bar[aria-pressed=true] b").all_inner_texts() == ["4"]
    page.wait_for_timeout(1200)
    lost.clear()
    page.wait_for_timeout(1500)
    assert lost == []
    assert [(one.prediction, one.label) for one in Feedback(database).list()[before:]] == [(1, 4)]
    page.close()


def test_corrections_are_sent_in_order(page, database):
    write(page, 1)
    expect_done(page, "1")
    before = len(Feedback(database).list())
    held = []
    page.route("**/v1/feedback", lambda route: held.append(route), times=1)
    page.keyboard.press("7")
    wait_for(lambda: page.evaluate("1") and held)
    page.keyboard.press("4")
    page.wait_for_timeout(300)
    held[0].continue_()
    page.wait_for_selector("text=Thank you, stored as 4.")
    assert page.locator(".bar[aria-pressed=true] b").all_inner_texts() == ["4"]
    assert [one.label for one in Feedback(database).list()[before:]] == [7, 4]


def test_failed_correction_keeps_the_stored_label_marked(browser, url):
    page = browser.new_page()
    page.goto(url)
    write(page, 1)
    expect_done(page, "1")
    page.keyboard.press("7")
    page.wait_for_selector("text=Thank you, stored as 7.")
    page.route("**/v1/feedback", lambda route: route.fulfill(**answer(503, "feedback_failed", "it can't be used now")))
    page.keyboard.press("4")
    page.wait_for_selector("text=The correction (4) was not stored")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect_done(page, "1")
    assert page.locator(".bar[aria-pressed=true] b").all_inner_texts() == ["7"]
    page.close()


@pytest.mark.parametrize(
    ("refusal", "tries"), [(BUSY, 100), (answer(503, "feedback_failed", "the database can't be used now"), 1)]
)
def test_page_reports_failed_correction(browser, url, refusal, tries):
    page = browser.new_page()
    page.clock.install()
    page.goto(url)
    write(page, 1)
    page.clock.run_for(1000)
    expect_text(page, "1")
    sent = []
    page.on("request", lambda request: sent.append(request.url.endswith("/v1/feedback")))
    page.route("**/v1/feedback", lambda route: route.fulfill(**refusal))
    page.keyboard.press("7")
    while sum(sent) < tries:
        page.clock.run_for(1000)
    page.wait_for_selector("text=The correction (7) was not stored; please try again")
    assert sum(sent) == tries
    assert page.locator(".bar[aria-pressed=true]").count() == 0
    page.close()


def test_page_waits_for_an_unreachable_server(browser, database):
    """The server stops during a drawing, which is read when the server is back."""
    page = browser.new_page()
    with command("--feedback", database) as server:
        url = server.url
        page.goto(url)
        expect(page.locator("#model-info")).not_to_be_empty()
    write(page, 7)
    page.wait_for_selector("text=The server is not responding.")
    with command("--feedback", database, "--port", url.rsplit(":", 1)[1]):
        expect_text(page, "7")
        page.wait_for_selector("#notice", state="hidden")
        page.close()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (390, "dark"), (768, "light"), (1280, "dark")])
def test_page_fits_small_screens_and_follows_the_theme(browser, url, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(url)
    for index, digit in enumerate((1, 2)):
        write(page, digit, left=120 + 200 * index)
    expect_text(page, "12")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    clipped = page.evaluate(
        """() => [...document.querySelectorAll('button, #summary, .percentage')].filter(
             one => one.offsetParent && one.scrollWidth > one.clientWidth + 1).map(one => one.outerHTML)"""
    )
    assert clipped == []
    ground, ink = page.evaluate(
        "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    dark_ground, dark_ink = (sum(map(int, re.findall(r"\d+", color)[:3])) < 3 * 128 for color in (ground, ink))
    assert (dark_ground, dark_ink) == ((True, False) if scheme == "dark" else (False, True))
    page.close()


def test_buttons_are_in_one_row_at_all_widths(browser, url):
    page = browser.new_page()
    page.goto(url)
    for width in range(320, 1321, 50):
        page.set_viewport_size({"width": width, "height": 800})
        tops = {page.locator(f"#{name}").bounding_box()["y"] for name in ("undo", "clear", "choose", "camera")}
        assert len(tops) == 1, width
    page.close()


def test_touch_and_pen_draw(browser, url):
    context = browser.new_context(has_touch=True, viewport={"width": 700, "height": 900})
    page = context.new_page()
    page.goto(url)
    box = page.locator("#pad").bounding_box()
    down = [(box["x"] + box["width"] / 2, box["y"] + box["height"] * part / 20) for part in range(4, 17)]
    devtools = context.new_cdp_session(page)
    for kind, points in [("touchStart", down[:1]), *(("touchMove", [one]) for one in down[1:]), ("touchEnd", [])]:
        touches = [{"x": x, "y": y} for x, y in points]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    expect_text(page, "1")
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("Escape")

    widths = {}
    for force in (0.1, 0.9):
        pen = {"button": "left", "pointerType": "pen", "force": force}
        for kind, (x, y) in [
            ("mousePressed", down[0]),
            *(("mouseMoved", one) for one in down[1:]),
            ("mouseReleased", down[-1]),
        ]:
            more = {"clickCount": 1} if kind != "mouseMoved" else {"buttons": 1}
            devtools.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **pen, **more})
        expect_text(page, "1")
        widths[force] = page.evaluate(
            """() => { const pad = document.getElementById('pad');
                const row = pad.getContext('2d').getImageData(0, pad.height / 2, pad.width, 1).data;
                return row.filter((value, i) => i % 4 === 3 && value > 127).length; }"""
        )
        page.keyboard.press("Escape")
    assert widths[0.9] > 1.5 * widths[0.1] > 0
    context.close()


def test_controls_have_names_and_keyboard_access(page):
    write(page, 3)
    expect_text(page, "3")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, canvas, img, a')].filter(one => one.checkVisibility()
             && !one.closest('[aria-hidden]') && !(one.getAttribute('aria-label') || one.textContent.trim()
             || one.labels?.length || one.alt)).map(one => one.outerHTML)"""
    )
    assert nameless == []
    page.locator("#undo").focus()
    reached = []
    for _ in range(30):
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        page.keyboard.press("Tab")
    assert {"undo", "clear", "width", "choose", "camera", "digit", "bar", "none"} <= {
        one.split(" ")[0] for one in reached
    }
    page.locator("#width").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#width").input_value() == "24"


def test_page_takes_the_token_from_its_address_or_a_dialog(browser, model_file):
    with command(model_file, "--no-feedback", "--token", "s3cret") as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{server.url}/#token=s3cret")
        expect(page.locator("#model-info")).not_to_be_empty()
        assert "token" not in page.url
        context.close()
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_selector("dialog[open]")
        assert page.locator("#token-error").is_hidden()
        page.locator("#token").fill("secret")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=That token is wrong.")
        page.locator("#token").fill("s3cret")
        page.keyboard.press("Enter")
        expect(page.locator("#model-info")).not_to_be_empty()
        assert page.locator("#privacy").inner_text() == "This server stores nothing that you write or show."
        page.close()


def test_token_can_be_given_later(browser, model_file):
    with command(model_file, "--no-feedback", "--token", "s3cret") as server:
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_selector("dialog[open]")
        page.locator("#token").fill("s3")
        page.keyboard.press("Escape")
        page.wait_for_selector("text=This server needs a token.")
        box = page.locator("#pad").bounding_box()
        page.mouse.click(box["x"] + 300, box["y"] + 100)
        page.wait_for_selector("dialog[open]")
        assert page.locator("#token-error").is_hidden()
        page.locator("#token").fill("s3cret")
        page.keyboard.press("Enter")
        page.wait_for_selector("body:not([data-state=empty])")
        expect(page.locator("#model-info")).not_to_be_empty()
        page.close()


def test_docs_show_the_api(page, url):
    page.goto(f"{url}/docs")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() > 10
    page.locator(".opblock", has_text="/v1/read").first.click()
    page.wait_for_selector(".opblock.is-open")
    assert "Responses" in page.locator(".opblock.is-open").inner_text()
