"""Matplotlib's figure, as a notebook shows it without `%matplotlib inline`."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

from tenfold.errors import UnavailableError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTEBOOK_DPI = 96


def figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnavailableError("charts need matplotlib; install it with: pip install 'tenfold[train]'") from error
    return _displayed(Figure)


@cache
def _displayed(base: type[Figure]) -> type[Figure]:
    """A figure that a notebook shows without `%matplotlib inline`."""

    def to_png(figure: Figure) -> bytes:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=NOTEBOOK_DPI)
        return file.getvalue()

    return type("Figure", (base,), {"_repr_png_": to_png, "__module__": base.__module__})
