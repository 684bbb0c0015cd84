import re

import numpy as np
import pytest

from tenfold.evaluation import RunResult, rank_runs
from tenfold.report.compare import render


def entry(recipe: str, seed: int, wrong: int, labels: np.ndarray) -> RunResult:
    read = labels.copy()
    read[:wrong] = (read[:wrong] + 1) % 10
    return RunResult(recipe, seed, 1000, 30.0, 5, np.eye(10, dtype=np.float32)[read])


@pytest.fixture
def html(digits) -> str:
    labels = digits.labels
    entries = [entry("plain", 0, 60, labels), entry("good", 0, 3, labels), entry("good", 1, 6, labels)]
    return render(rank_runs(entries, labels), "MNIST", ["A note."])


def test_ranks_with_spread_and_errors(html, parse):
    text = parse(html).text
    rows = re.findall(r'<tr[^>]*><th scope="row">(\w+)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>', html)
    plain = [[cell.replace("\N{NARROW NO-BREAK SPACE}", " ") for cell in row] for row in rows[:2]]
    # 99 and 98 % right: mean 98.5, standard deviation 0.71.
    assert plain == [["good", "98.50 %", "± 0.71", "9 of 600"], ["plain", "80.00 %", "–", "60 of 300"]]
    assert "2 recipes compared" in text
    assert "A note." in text


def test_intervals_span_the_scale(html):
    tracks = re.findall(r'reach" style="left: ([\d.]+)%; width: ([\d.]+)%.*?left: ([\d.]+)%', html)
    (left, width, dot), (other_left, other_width, other_dot) = [map(float, track) for track in tracks]
    assert left + width == pytest.approx(100, abs=0.02)
    assert other_left == 0
    assert left < dot < 100
    assert 0 < other_dot < other_width < left


def test_paired_test_against_the_best(html):
    assert re.search(r"<td>57</td><td>0</td><td>&lt; 0.0001</td><td[^>]*>different</td>", html)


def test_a_single_perfect_recipe(digits, parse):
    board = rank_runs([entry("only", 0, 0, digits.labels)], digits.labels)
    text = parse(render(board, "MNIST")).text
    assert "1 recipe compared" in text
    assert "no other recipe" in text
