import re
from dataclasses import replace

import numpy as np

from tenfold.data.checks import Finding, check_data
from tenfold.data.dataset import Dataset
from tenfold.report.pages import render_check


def test_check_page_verdict_and_findings(digits, parse):
    result = check_data(digits, None, None)
    fine = parse(render_check(replace(result, findings=[]), "a", (), digits, None)).text
    assert "This data can be used for training300 training images, no problems found." in fine
    findings = [
        Finding("error", "code", "one"),
        Finding("warning", "code", "two"),
        Finding("warning", "code", "three"),
        Finding("note", "code", "four"),
    ]
    html = render_check(replace(result, findings=findings), "a", ("five",), digits, None)
    text = parse(html).text
    assert "can’t be used for training" in text
    assert "1 error and 2 warnings" in text
    assert html.index('class="verdict error"') < html.index("<h2")
    listed = re.findall(r'<li class="(\w+)"><b>(\w+)</b><span>(\w+)</span>', html)
    assert listed == [
        ("error", "Error", "one"),
        ("warning", "Warning", "two"),
        ("warning", "Warning", "three"),
        ("note", "Note", "four"),
        ("note", "Loading", "five"),
    ]


def test_check_page_bars(digits, parse):
    few = digits.subset(np.r_[0:100, 100:200:10])  # ten of each digit, ten more zeros
    html = render_check(check_data(few, None, None), "a", (), few, None)
    widths = [float(width) for width in re.findall(r'style="width:([\d.]+)%', html)]
    assert widths == [100.0] + [50.0] * 9


def test_check_page_constant_pixels(digits):
    html = render_check(check_data(digits, None, None), "a", (), digits, None)
    (path,) = re.findall(r'<path d="((?:M\d+ \d+h1v1h-1z)+)"', html)
    drawn = {(int(row), int(column)) for column, row in re.findall(r"M(\d+) (\d+)", path)}
    constant = (digits.images == digits.images[0]).all(axis=0)
    assert drawn == set(zip(*map(list, np.nonzero(constant)), strict=True))
    assert f"{784 - 16 * 12} constant pixels, {16 * 12} that vary" in html


def test_check_page_mean_images(digits, parse):
    some = digits.subset(np.flatnonzero(digits.labels < 4))
    alts = [image["alt"] for image in parse(render_check(check_data(some, None, None), "a", (), some, None)).all("img")]
    assert [alt for alt in alts if alt.startswith("Mean image of the digit")] == [
        f"Mean image of the digit {digit}" for digit in range(4)
    ]
    assert sum(alt.startswith("Training images of the digit") for alt in alts) == 4


def test_check_page_overlap(digits, parse):
    test = Dataset(digits.images[:30], None, "test.csv")
    text = parse(render_check(check_data(digits, test, None), "a", (), digits, test)).text
    assert "Test images in the training split30100.0 %" in text
    assert "in public MNIST" not in text


def test_check_page_of_test_images_alone(digits, parse):
    test = Dataset(digits.images[:30], None, "test.csv")
    html = render_check(check_data(None, test, None), "a", (), None, test)
    page = parse(html)
    assert "can’t be used for training" in page.text
    assert "The first 30 test images" in html
    assert "Labels" not in page.text
    assert "Mean images" not in page.text
