"""What damage does to a model, as a section of a page: a small chart for each kind, the worst first."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tenfold.report.images import strip
from tenfold.report.page import Section, count, paragraph, percent, table

if TYPE_CHECKING:  # it needs PyTorch, pages do not
    from tenfold.evaluation.robustness import CorruptionResult, Robustness

# In the units of the viewBox.
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 240, 104, 34, 232, 8, 84
_SHOWN = 6  # samples beside each chart


def section(damaged: Robustness) -> Section:
    kinds = sorted(damaged.corruptions, key=lambda kind: kind.mean_accuracy)
    floor = max(0.0, min(min(kind.accuracy) for kind in kinds) - 0.05)
    severities = len(kinds[0].accuracy)
    panels = "".join(
        f"<figure><figcaption>{_name(kind)} · {percent(kind.mean_accuracy, 1)}</figcaption>{_chart(kind, floor)}"
        f"{strip(kind.examples[:_SHOWN], f'Digits with {_name(kind)}')}</figure>"
        for kind in kinds
    )
    rows = [[_name(kind), *(percent(share, 1) for share in (*kind.accuracy, kind.mean_accuracy))] for kind in kinds]
    columns = ["Damage", *(str(place) for place in range(1, severities + 1)), "Mean"]
    body = (
        paragraph(
            f"{count(damaged.n)} of the rows, damaged in {len(kinds)} ways and {severities} severities: "
            f"{percent(damaged.mean_accuracy)} right on average, and {percent(damaged.clean_accuracy)} of the same "
            "rows as they are. "
            "The charts show accuracy by severity, the pictures the middle one. The damage is drawn anew for each "
            "picture and is the same for every model."
        )
        + f'<div class="panels">{panels}</div>'
        + table("Accuracy by severity", columns, rows)
    )
    return Section("robustness", "Damaged copies", body)


def _name(kind: CorruptionResult) -> str:
    return escape(kind.name.replace("_", " "))


def _chart(kind: CorruptionResult, floor: float) -> str:
    """SVG of accuracy against severity; all charts of a page have the same scale, from `floor` to 1."""

    def x(place: int) -> float:
        return _LEFT + place / max(len(kind.accuracy) - 1, 1) * (_RIGHT - _LEFT)

    def y(share: float) -> float:
        return _BOTTOM - (share - floor) / (1 - floor) * (_BOTTOM - _TOP)

    lines = "".join(
        f'<line x1="{_LEFT}" y1="{y(tick):.1f}" x2="{_RIGHT}" y2="{y(tick):.1f}" style="stroke: var(--line)"/>'
        f'<text x="{_LEFT - 5}" y="{y(tick) + 3.5:.1f}" style="font-size: 10px; text-anchor: end; fill: var(--muted)">'
        f"{100 * tick:.0f}</text>"
        for tick in (floor, 1.0)
    )
    names = "".join(
        f'<text x="{x(place):.1f}" y="{_HEIGHT - 6}" style="font-size: 10px; text-anchor: middle; fill: var(--muted)">'
        f"{place + 1}</text>"
        for place in range(len(kind.accuracy))
    )
    points = " ".join(f"{x(place):.1f},{y(share):.1f}" for place, share in enumerate(kind.accuracy))
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Accuracy by severity of '
        f'{_name(kind)}; the numbers are in the table below">{lines}{names}'
        f'<polyline points="{points}" style="fill: none; stroke: var(--held); stroke-width: 2"/></svg>'
    )
