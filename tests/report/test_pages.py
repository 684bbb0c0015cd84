"""What must hold for every page, whatever is on it."""

import re
import subprocess
import sys
from itertools import pairwise

import pytest

from tenfold.report.pages import render_evaluation, render_line_training, render_training

KINDS = ["training", "line_training", "check", "evaluation", "comparison"]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_well_formed(kind, pages, parse):
    page = parse(pages[kind])
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for attributes in page.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_self_contained(kind, pages, parse):
    page = parse(pages[kind])
    assert not page.all("script")
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "data", "xlink:href"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:", "#")), (tag, name, target)
    style = re.search(r"<style>(.*?)</style>", pages[kind], re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_escape_names(kind, pages, parse):
    assert "<script>alert(1)</script>\"'&.csv" in parse(pages[kind]).text
    assert "<script>" not in pages[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_accessible(kind, pages, parse):
    page = parse(pages[kind])
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert all("alt" in image for image in page.all("img"))
    assert all(image.get("aria-label") for image in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table")) > 0
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))


def test_pages_heading_levels(pages):
    for html in pages.values():
        levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", html)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_pages_are_reproducible(pages, training_report):
    assert render_training(training_report) == pages["training"]


@pytest.mark.parametrize(
    ("module", "packages"),
    [("report.pages", {"matplotlib", "torch", "sklearn", "pydantic"}), ("training.train", {"matplotlib"})],
)
def test_imports_are_light(module, packages):
    program = f"import sys, tenfold.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not packages & set(done.stdout.split())


def test_pages_without_matplotlib_name_the_extra(
    training_report, line_report, digits, probabilities, monkeypatch, parse
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    evaluation = training_report.evaluation
    for html in (
        render_training(training_report),
        render_line_training(line_report),
        render_evaluation(evaluation, digits, probabilities, "fast"),
    ):
        page = parse(html)
        assert "This chart needs matplotlib, which was not installed: pip install 'tenfold[train]'" in page.text
        assert not [image for image in page.all("img") if image["class"] == "chart"]
    assert "Table of all epochs" in render_training(training_report)


def _luminance(color: str) -> float:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_text_contrast(theme, pages):
    # The first block of variables is the light theme, the second the dark one.
    blocks = re.findall(r":root \{(.*?)\}", pages["check"], re.DOTALL)
    colors = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", blocks[theme == "dark"]))
    for ground in ("paper", "card"):
        for text in ("ink", "muted", "accent", "bad", "warn", "good"):
            darker, lighter = sorted([_luminance(colors[ground]), _luminance(colors[text])])
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (theme, text, ground)
