"""The symbols that are told apart in a line: the ten digits, the marks between them, and everything else."""

import numpy as np
from numpy.typing import NDArray

LogProbabilities = NDArray[np.floating]

DIGITS = "0123456789"
MARKS = ".,':-+=/()%#*$€£"
OTHER = "?"  # a letter, or whatever else is written between digits
SYMBOLS = DIGITS + MARKS + OTHER
BLANK = len(SYMBOLS)  # CTC's blank, the class after all symbols
BEAM_WIDTH = 4  # texts that are followed for each number of digits
MIN_PROBABILITY = 1e-3  # of a mark at a step, to be followed
MIN_SCALE = 1e-300


def symbols_of(text: str) -> str:
    """What should be read of a written text: digits and marks as they are, anything else but spaces as `OTHER`."""
    return "".join(symbol if symbol in SYMBOLS else OTHER for symbol in text if not symbol.isspace())


def digits_of(text: str) -> str:
    return "".join(symbol for symbol in text if symbol in DIGITS)


Beam = dict[tuple[int, ...], tuple[float, float]]  # texts: their probability of ending in a blank, in a symbol


def likeliest_marks(steps: LogProbabilities, digits: tuple[int, ...]) -> tuple[int, ...]:
    """The likeliest symbols of a line, as indices of `SYMBOLS`, of which the digits are known.

    steps: log probabilities (T, symbols and blank). A prefix beam search as `ctc.beam_search`, in which a text grows by
    any mark, but by no other digit than the next one.
    """
    beam: Beam = {(): (1.0, 0.0)}
    for step in np.exp(steps).tolist():
        beam = _likeliest(_grow(beam, step, digits))
    complete = [text for text in beam if _count_digits(text) == len(digits)]
    return complete[0] if complete else digits


def _grow(beam: Beam, step: list[float], digits: tuple[int, ...]) -> Beam:
    """The texts after one more step, which has the probabilities `step` of all symbols and the blank."""
    *symbols, blank = step
    marks = [symbol for symbol in range(len(DIGITS), len(symbols)) if step[symbol] > MIN_PROBABILITY]
    grown: Beam = {}
    for text, (in_blank, in_symbol) in beam.items():
        _add(grown, text, (in_blank + in_symbol) * blank, in_symbol * step[text[-1]] if text else 0.0)
        position = _count_digits(text)
        for symbol in [*marks, *digits[position : position + 1]]:
            # The same symbol again is a second one only after a blank.
            reached = in_blank if text and text[-1] == symbol else in_blank + in_symbol
            _add(grown, (*text, symbol), 0.0, reached * step[symbol])
    return grown


def _add(beam: Beam, text: tuple[int, ...], in_blank: float, in_symbol: float) -> None:
    before = beam.get(text, (0.0, 0.0))
    beam[text] = before[0] + in_blank, before[1] + in_symbol


def _count_digits(text: tuple[int, ...]) -> int:
    return sum(symbol < len(DIGITS) for symbol in text)


def _likeliest(beam: Beam) -> Beam:
    """The best few of each number of digits, the likeliest first, with probabilities scaled to 1 at most.

    By number of digits, or texts that are still to show a digit would drop out behind shorter ones.
    """
    ordered = sorted(beam.items(), key=lambda item: -sum(item[1]))
    scale = 1 / max(sum(ordered[0][1]), MIN_SCALE)
    counts: dict[int, int] = {}
    kept: Beam = {}
    for text, (in_blank, in_symbol) in ordered:
        position = _count_digits(text)
        counts[position] = counts.get(position, 0) + 1
        if counts[position] <= BEAM_WIDTH:
            kept[text] = in_blank * scale, in_symbol * scale
    return kept
