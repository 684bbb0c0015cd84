"""The reliability curve as SVG, written by hand: it has few marks, and pages of the core do without matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

from tenfold.evaluation import ReliabilityBin, wilson_interval

# In the units of the viewBox; the curve above, the counts below.
_WIDTH, _HEIGHT = 403, 352
_LEFT, _RIGHT = 52, 392
_TOP, _BOTTOM = 12, 232
_COUNTS_TOP, _COUNTS_BOTTOM = 262, 308


def reliability_curve(bins: Sequence[ReliabilityBin]) -> str:
    """SVG: accuracy against confidence, one point with its 95 % interval a filled bin, and the bins' counts."""
    filled = [part for part in bins if part.count]
    most = max(part.count for part in filled)
    marks = [
        f'<line x1="{_x(0):.1f}" y1="{_y(0):.1f}" x2="{_x(1):.1f}" y2="{_y(1):.1f}" '
        'style="stroke: var(--muted); stroke-dasharray: 2 3"/>'
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        marks.append(
            f'<line x1="{_LEFT}" y1="{_y(tick):.1f}" x2="{_RIGHT}" y2="{_y(tick):.1f}" style="stroke: var(--line); '
            f'stroke-width: .7"/>{_text(_LEFT - 7, _y(tick) + 4, f"{100 * tick:g} %", "end")}'
            f"{_text(_x(tick), _HEIGHT - 24, f'{100 * tick:g} %', 'end' if tick == 1 else 'middle')}"
        )
    for part in filled:
        marks.append(_point(part))
        height = (_COUNTS_BOTTOM - _COUNTS_TOP) * log10(1 + part.count) / log10(1 + most)
        left, width = _x(part.lower) + 1, _x(part.upper) - _x(part.lower) - 2
        marks.append(
            f'<rect x="{left:.1f}" y="{_COUNTS_BOTTOM - height:.1f}" width="{width:.1f}" height="{height:.1f}" '
            'style="fill: var(--held); opacity: .45"/>'
            f"{_text(left + width / 2, _COUNTS_BOTTOM - height - 4, _compact(part.count), 'middle', 9.5)}"
        )
    marks.append(_text((_LEFT + _RIGHT) / 2, _HEIGHT - 5, "confidence", "middle"))
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Accuracy against confidence in '
        f'{len(filled)} bins; the numbers are in the table beside it">{"".join(marks)}</svg>'
    )


def _point(part: ReliabilityBin) -> str:
    assert part.confidence is not None  # a filled bin has both
    assert part.accuracy is not None
    lower, upper = wilson_interval(round(part.accuracy * part.count), part.count)
    x = _x(part.confidence)
    return (
        f'<line x1="{x:.1f}" y1="{_y(lower):.1f}" x2="{x:.1f}" y2="{_y(upper):.1f}" style="stroke: var(--held)"/>'
        f'<circle cx="{x:.1f}" cy="{_y(part.accuracy):.1f}" r="4" style="fill: var(--held)"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, size: float = 11) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" style="font-size: {size:g}px; text-anchor: {anchor}; fill: var(--muted)">'
        f"{text}</text>"
    )


def _compact(number: int) -> str:
    """9,812 as 9.8k: a label must fit above its narrow bar."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 9950 else f"{number / 1000:.0f}k"


def _x(share: float) -> float:
    return _LEFT + share * (_RIGHT - _LEFT)


def _y(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)
