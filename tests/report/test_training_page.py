import re
from dataclasses import replace

import numpy as np
import pytest

from tenfold.report.training import recipe_groups, render


def rows_of(html: str, caption: str) -> list[list[str]]:
    """The text of each cell of the table with this caption."""
    table = next(part for part in re.findall(r"<table.*?</table>", html, re.DOTALL) if caption in part)
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table)
    ]


def test_tells_everything(training_report, pages, parse):
    page = parse(pages["training"])
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", pages["training"])
    assert headings == [
        "The data", "The network", "Augmentation", "Training", "Digit by digit", "Calibration",
        "The most confident mistakes", "The least confident predictions", "Predictions", "The recipe",
    ]  # fmt: skip
    for text in (
        "cnn <small>",
        "From a write-up & more.",
        "The best held-out epoch chose the weights.",
        "CPU, 2 threads",
        "Measured on 300 held-out images.",
        "Best held-out epoch7",
        "16, 32",
    ):
        assert text in page.text


def test_label_counts_and_network_add_up(pages):
    counts = rows_of(pages["training"], "Images by digit")
    assert counts[1:] == [[str(digit), "", "30", "30"] for digit in range(10)] + [["All", "", "300", "300"]]
    network = rows_of(pages["training"], "ten probabilities")
    assert [row[-1] for row in network[1:]] == ["832", "", "62,730", "63,562"]


def test_confusion_matrix_is_the_evaluation_s(training_report, pages):
    rows = rows_of(pages["training"], "Rows: the true digit")
    shown = np.array([[int(cell or 0) for cell in row[1:]] for row in rows[1:]])
    assert (shown == training_report.evaluation.confusion).all()
    heats = [float(heat) for heat in re.findall(r"--heat: ([\d.]+)", pages["training"])]
    assert heats == [1.0]  # all mistakes are nines predicted as zeros


def test_galleries_say_what_was_read(training_report, pages, parse):
    page = parse(pages["training"])
    worst = training_report.evaluation.most_confident_mistakes[0]
    assert worst == 299
    alts = [image["alt"] for image in page.all("img")]
    assert sum(bool(re.fullmatch(r"Row [\d,]+: a 9, predicted as 0", alt)) for alt in alts) == 24
    assert sum("nearly as" in alt for alt in alts) == 24
    assert "9 predicted as 099.9 %" in page.text
    for index, row_probabilities in enumerate(training_report.unlabeled_probabilities, start=1):
        assert f"<strong>{index}: {row_probabilities.argmax()}</strong>" in pages["training"]
    # Confidences of these twelve rows begin at 0.3.
    assert pages["training"].count('class="doubtful"') == 12


def test_history_stands_in_a_table_with_the_best_epoch_marked(history, pages):
    rows = rows_of(pages["training"], "the best epoch on held-out images")
    assert [row[0] for row in rows[1:]] == [str(row["epoch"]) for row in history]
    assert re.search(r'<tr class="marked"><th scope="row">7</th>', pages["training"])


@pytest.mark.parametrize("history_too", [True, False])
def test_without_held_out_rows_augmentation_and_test_rows(training_report, parse, history_too):
    rows = [
        {name: value for name, value in row.items() if not name.startswith("val_")} | {"best": 0.0}
        for row in training_report.history[:1]
    ]
    report = replace(
        training_report, description="", augmented=None, held_out=None, probabilities=None, evaluation=None,
        unlabeled=None, unlabeled_probabilities=None, history=rows if history_too else [],
    )  # fmt: skip
    html = render(report)
    parse(html)
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", html)
    assert headings == ["The data", "The network", *(["Training"] if history_too else []), "The recipe"]
    assert "Accuracy</dt>" not in html
    assert "Held out" not in html


def test_stays_small(pages):
    assert len(pages["training"]) < 1_500_000


def test_recipe_groups_of_variants():
    recipe = {
        "name": "two",
        "variants": [{"batch_size": 32, "net": {"stem": 8, "filters": [16, 32]}}],
        "net": {"stem": 4},
        "ema": False,
    }
    assert recipe_groups(recipe) == {
        "run": {"name": "two", "ema": "no"},
        "variants 1": {"batch_size": "32", "net.stem": "8", "net.filters": "16, 32"},
        "net": {"stem": "4"},
    }
