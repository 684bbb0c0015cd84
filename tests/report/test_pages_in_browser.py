import pytest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("kind", ["training", "line_training", "check", "evaluation", "comparison"])
def test_page_layout_theme_and_requests(browser, pages, tmp_path, kind, width, scheme):
    file = tmp_path / "page.html"
    file.write_text(pages[kind], encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground, ink, digit = page.evaluate(
        """() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
                  document.querySelector('img.ink') && getComputedStyle(document.querySelector('img.ink')).filter]"""
    )
    brightness = [sum(int(part) for part in color[4:-1].split(",")) / 3 for color in (ground, ink)]
    assert (
        (brightness[0] > 200 > 80 > brightness[1]) if scheme == "light" else (brightness[0] < 80 < 200 < brightness[1])
    )
    assert digit in (None, "invert(0)" if scheme == "light" else "invert(1)")
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert messages == []
    assert [url for url in requests if not url.startswith(("data:", file.as_uri()))] == []
    page.close()
