import re
from dataclasses import replace

import numpy as np

from tenfold.data.checks import Finding, check_data
from tenfold.data.dataset import Dataset
from tenfold.report.check import render


def test_verdict_comes_first(digits, parse):
    result = check_data(digits, None, None)
    fine = parse(render(replace(result, findings=[]), "a", (), digits, None)).text
    assert "This data can be trained on300 training rows, nothing to object to." in fine
    findings = [
        Finding("error", "one"),
        Finding("warning", "two"),
        Finding("warning", "three"),
        Finding("note", "four"),
    ]
    html = render(replace(result, findings=findings), "a", ("five",), digits, None)
    text = parse(html).text
    assert "can’t be trained on" in text
    assert "1 error and 2 warnings" in text
    assert html.index('class="verdict error"') < html.index("<h2")
    listed = re.findall(r'<li class="(\w+)"><b>(\w+)</b><span>(\w+)</span>', html)
    assert listed == [
        ("error", "Error", "one"),
        ("warning", "Warning", "two"),
        ("warning", "Warning", "three"),
        ("note", "Note", "four"),
        ("note", "Reader", "five"),
    ]


def test_bars_are_proportional_to_the_counts(digits, parse):
    few = digits.subset(np.r_[0:100, 100:200:10])  # ten of each digit, ten more noughts
    html = render(check_data(few, None, None), "a", (), few, None)
    widths = [float(width) for width in re.findall(r'style="width:([\d.]+)%', html)]
    assert widths == [100.0] + [50.0] * 9


def test_the_map_shows_the_constant_pixels(digits):
    html = render(check_data(digits, None, None), "a", (), digits, None)
    (path,) = re.findall(r'<path d="((?:M\d+ \d+h1v1h-1z)+)"', html)
    drawn = {(int(row), int(column)) for column, row in re.findall(r"M(\d+) (\d+)", path)}
    constant = (digits.images == digits.images[0]).all(axis=0)
    assert drawn == set(zip(*map(list, np.nonzero(constant)), strict=True))
    assert f"{784 - 16 * 12} constant pixels, {16 * 12} that vary" in html


def test_mean_images_and_samples_for_each_digit_that_occurs(digits, parse):
    some = digits.subset(np.flatnonzero(digits.labels < 4))
    alts = [image["alt"] for image in parse(render(check_data(some, None, None), "a", (), some, None)).all("img")]
    assert [alt for alt in alts if alt.startswith("Mean image of the digit")] == [
        f"Mean image of the digit {digit}" for digit in range(4)
    ]
    assert sum(alt.startswith("Training rows of the digit") for alt in alts) == 4


def test_overlap_is_shown_where_it_is_known(digits, parse):
    test = Dataset(digits.images[:30], None, "test.csv")
    text = parse(render(check_data(digits, test, None), "a", (), digits, test)).text
    assert "Test rows among the training rows30100.0 %" in text
    assert "in public MNIST" not in text


def test_test_rows_alone(digits, parse):
    test = Dataset(digits.images[:30], None, "test.csv")
    html = render(check_data(None, test, None), "a", (), None, test)
    page = parse(html)
    assert "can’t be trained on" in page.text
    assert "The first 30 test rows" in html
    assert "Labels" not in page.text
