import re

import numpy as np
import pytest

from tenfold.evaluation import RunResult, rank_runs, wilson_interval
from tenfold.report.pages import render_comparison


def run_result(recipe: str, seed: int, mistakes: int, labels: np.ndarray) -> RunResult:
    predicted = labels.copy()
    predicted[:mistakes] = (predicted[:mistakes] + 1) % 10
    return RunResult(recipe, seed, 1000, 30.0, 5, np.eye(10, dtype=np.float32)[predicted])


@pytest.fixture
def html(digits) -> str:
    labels = digits.labels
    results = [run_result("plain", 0, 60, labels), run_result("good", 0, 3, labels), run_result("good", 1, 6, labels)]
    return render_comparison(rank_runs(results, labels), "MNIST", ["A note."])


def test_comparison_page_leaderboard(html, parse):
    text = parse(html).text
    rows = re.findall(r'<th scope="row" class="nowrap">(\w+)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>', html)
    plain = [[cell.replace("\N{NARROW NO-BREAK SPACE}", " ") for cell in row] for row in rows[:2]]
    # 99 and 98 % right: mean 98.5, standard deviation 0.71.
    assert plain == [["good", "98.50 %", "± 0.71", "9 of 600"], ["plain", "80.00 %", "–", "60 of 300"]]
    assert "2 recipes compared" in text
    assert "A note." in text


def test_comparison_page_intervals(html, parse):
    page = parse(html)
    lower, upper = (100 * bound for bound in wilson_interval(295.5, 300))
    assert f"good98.50 %{lower:.2f} to {upper:.2f} %" in page.text
    assert sum(image["alt"].startswith("Accuracy of each recipe") for image in page.all("img")) == 1


def test_comparison_page_paired_tests(html):
    assert re.search(r"<td>57</td><td>0</td><td>&lt; 0.0001</td><td[^>]*>significant</td>", html)


def test_comparison_page_of_one_recipe(digits, parse):
    board = rank_runs([run_result("only", 0, 0, digits.labels)], digits.labels)
    text = parse(render_comparison(board, "MNIST")).text
    assert "1 recipe compared" in text
    assert "no other recipe" in text
