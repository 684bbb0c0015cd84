import re
from dataclasses import replace

import numpy as np
import pytest

from tenfold.report.formats import recipe_groups
from tenfold.report.pages import render_training


def rows_of(html: str, caption: str) -> list[list[str]]:
    """The text of each cell of the table with this caption."""
    table = next(part for part in re.findall(r"<table.*?</table>", html, re.DOTALL) if caption in part)
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table)
    ]


def test_training_page_sections(training_report, pages, parse):
    page = parse(pages["training"])
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", pages["training"])
    assert headings == [
        "Data", "Network", "Augmentation", "Training history", "Results per digit", "Calibration",
        "Most confident mistakes", "Least confident predictions", "Predictions", "Recipe",
    ]  # fmt: skip
    for text in (
        "cnn <small>",
        "From a write-up & more.",
        "The best held-out epoch chose the weights.",
        "CPU, 2 threads",
        "Evaluated on 300 held-out images.",
        "Best held-out epoch7",
        "16, 32",
    ):
        assert text in page.text


def test_training_page_label_counts_and_layers(pages):
    counts = rows_of(pages["training"], "Images per digit")
    assert counts[1:] == [[str(digit), "", "30", "30"] for digit in range(10)] + [["Total", "", "300", "300"]]
    network = rows_of(pages["training"], "output shape of one image")
    assert [row[-1] for row in network[1:]] == ["832", "", "62,730", "63,562"]


def test_training_page_confusion_matrix(training_report, pages):
    rows = rows_of(pages["training"], "Rows: the true digit")
    shown = np.array([[int(cell or 0) for cell in row[1:]] for row in rows[1:]])
    assert (shown == training_report.evaluation.confusion).all()
    heats = [float(heat) for heat in re.findall(r"--heat: ([\d.]+)", pages["training"])]
    assert heats == [1.0]  # all mistakes are nines predicted as zeros


def test_training_page_galleries(training_report, pages, parse):
    page = parse(pages["training"])
    worst = training_report.evaluation.most_confident_mistakes[0]
    assert worst == 299
    alts = [image["alt"] for image in page.all("img")]
    assert sum(bool(re.fullmatch(r"Image [\d,]+: a 9, predicted as 0", alt)) for alt in alts) == 24
    assert sum(", then " in alt for alt in alts) == 24
    assert "9, read as 099.9 %" in page.text
    for index, row_probabilities in enumerate(training_report.unlabeled_probabilities, start=1):
        assert f"<strong>{index}: {row_probabilities.argmax()}</strong>" in pages["training"]
    # Confidences of these twelve rows begin at 0.3.
    assert pages["training"].count('class="doubtful"') == 12


def test_training_page_table_of_epochs(history, pages):
    rows = rows_of(pages["training"], "The best held-out epoch is in bold")
    assert [row[0] for row in rows[1:]] == [str(row["epoch"]) for row in history]
    assert re.search(r'<tr class="marked"><th scope="row">7</th>', pages["training"])


@pytest.mark.parametrize("with_history", [True, False])
def test_training_page_of_labeled_images_alone(training_report, parse, with_history):
    rows = [
        {name: value for name, value in row.items() if not name.startswith("val_")} | {"best": 0.0}
        for row in training_report.history[:1]
    ]
    report = replace(
        training_report, description="", augmented=None, held_out=None, probabilities=None, evaluation=None,
        unlabeled=None, unlabeled_probabilities=None, history=rows if with_history else [],
    )  # fmt: skip
    html = render_training(report)
    parse(html)
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", html)
    assert headings == ["Data", "Network", *(["Training history"] if with_history else []), "Recipe"]
    assert "Held-out accuracy</dt>" not in html
    assert "held-out image" not in html
    assert ">Held-out</th>" not in html


def test_training_page_size(pages):
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
