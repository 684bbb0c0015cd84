import math
import re

import pytest

from tenfold.report import charts


def points(svg: str, gid: str) -> list[tuple[float, float]]:
    """The corners of a line, or the places of its markers."""
    start = svg.index(f'id="{gid}"')
    group = svg[start : svg.index("</g>\n   <g id=", start)] if "</g>\n   <g id=" in svg[start:] else svg[start:]
    if uses := re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"', group):
        return [(float(x), float(y)) for x, y in uses]
    path = re.search(r'<path d="([^"]*)"', group)[1]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path)]


@pytest.mark.parametrize("what", ["loss", "accuracy"])
def test_lines_carry_one_point_an_epoch_and_the_best_ones_are_marked(what, history):
    svg = getattr(charts, what)(history)
    held = points(svg, f"{what}-{what}-held")
    assert len(points(svg, f"{what}-{what}-train")) == len(held) == len(history)
    assert points(svg, f"{what}-{what}-best") == [held[row] for row in (0, 1, 2, 6)]
    assert points(svg, f"{what}-{what}-kept") == [held[6]]


def test_losses_lie_on_a_logarithmic_scale(history):
    places = points(charts.loss(history), "loss-loss-train")
    # Losses of epochs 1, 2 and 4 are 1/2, 1/4 and 1/8: equal steps.
    assert places[1][1] - places[0][1] == pytest.approx(places[3][1] - places[1][1], abs=1e-3)
    assert places[1][1] > places[0][1]


def test_a_better_accuracy_lies_higher_and_100_percent_can_be_drawn(history):
    rows = [row | {"train_accuracy": share} for row, share in zip(history, (0.9, 0.99, 0.999, 1.0), strict=False)]
    heights = [y for _, y in points(charts.accuracy(rows), "accuracy-accuracy-train")]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], rel=1e-4)
    assert ">100 %<" in charts.accuracy(rows)


def test_accuracies_of_1_from_the_first_epoch_on_can_be_drawn(history):
    rows = [row | {"train_accuracy": 1.0, "val_accuracy": 1.0} for row in history]
    assert "100 %" in charts.accuracy(rows)


def test_rate_changes_are_marked_where_they_happened(history):
    assert charts.rate_changes(history) == [(4, 0.5), (8, 0.5)]
    svg = charts.loss(history)
    places = points(svg, "loss-loss-train")
    for epoch in (4, 8):
        (first, _), _ = points(svg, f"loss-rate-change-{epoch}")
        assert first == pytest.approx(places[epoch - 1][0], abs=1e-3)


def test_a_rate_that_always_moves_has_no_changes_to_mark(history):
    moving = [row | {"learning_rate": 0.01 / row["epoch"]} for row in history]
    assert charts.rate_changes(moving) == []
    assert "rate-change" not in charts.loss(moving)
    assert len(points(charts.learning_rate(moving), "rate-rate-line")) == len(history)


def test_the_last_epoch_carries_the_elapsed_time(history):
    assert ">1\N{NARROW NO-BREAK SPACE}min\N{NARROW NO-BREAK SPACE}15\N{NARROW NO-BREAK SPACE}s<" in charts.loss(
        history
    )


@pytest.mark.parametrize("missing", ["absent", "nan"])
def test_without_held_out_rows_there_is_one_line(history, missing):
    rows = [
        {name: value for name, value in row.items() if not name.startswith("val_")} | {"best": 0.0} for row in history
    ]
    if missing == "nan":
        rows = [row | {"val_loss": math.nan, "val_accuracy": math.nan} for row in rows]
    svg = charts.loss(rows) + charts.accuracy(rows)
    assert "-train" in svg
    assert "-held" not in svg
    assert "-best" not in svg


@pytest.mark.parametrize("chart", [charts.loss, charts.accuracy, charts.learning_rate])
def test_a_single_epoch_can_be_drawn(history, chart):
    assert chart(history[:1]).startswith("<svg")


@pytest.mark.parametrize("chart", [charts.loss, charts.accuracy, charts.learning_rate])
def test_colors_come_from_the_theme_and_text_is_text(history, chart):
    svg = chart(history)
    assert not re.search(r"(fill|stroke): ?#", svg)
    assert "var(--muted)" in svg
    assert ">epoch</text>" in svg
    assert chart(history) == svg
