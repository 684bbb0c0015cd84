import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tenfold.ocr.marks import BLANK, DIGITS, MARKS, OTHER, SYMBOLS, digits_of, likeliest_marks, symbols_of


def test_symbols_begin_with_digits_and_are_unique():
    assert SYMBOLS.startswith(DIGITS)
    assert len(set(SYMBOLS)) == len(SYMBOLS) == BLANK
    assert OTHER not in MARKS


def test_symbols_of_written_text():
    assert symbols_of("No 7") == "??7"
    assert symbols_of("$1,250.00") == "$1,250.00"
    assert symbols_of("") == ""


def test_digits_of_symbols():
    assert digits_of("24/12/2026") == "24122026"


def steps_of(shown, probability=0.9):
    """Log probabilities (T, symbols and blank) in which each step shows a symbol, or "_" for the blank."""
    steps = np.full((len(shown), BLANK + 1), (1 - probability) / BLANK)
    for step, symbol in zip(steps, shown, strict=True):
        step[BLANK if symbol == "_" else SYMBOLS.index(symbol)] = probability
    return np.log(steps)


@pytest.mark.parametrize(
    ("shown", "digits", "symbols"),
    [
        ("_1_2_._5_0_", "1250", "12.50"),
        ("-_3_7_", "37", "-37"),
        ("1_._._1", "11", "1..1"),
        ("11__22", "12", "12"),
        ("??7", "7", "?7"),
        ("(1_2)", "12", "(12)"),
    ],
)
def test_likeliest_marks_are_those_that_are_shown(shown, digits, symbols):
    found = likeliest_marks(steps_of(shown), tuple(map(int, digits)))
    assert "".join(SYMBOLS[index] for index in found) == symbols


def test_likeliest_marks_keep_the_given_digits():
    """Even where a step shows another digit."""
    found = likeliest_marks(steps_of("_1_.__8_"), (1, 3))
    assert "".join(SYMBOLS[index] for index in found) == "1.3"


def test_likeliest_marks_match_all_alignments():
    """The most probable of all full texts, by the forward algorithm on every candidate."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        raw = rng.normal(size=(6, BLANK + 1))
        raw[:, 10:BLANK] -= 3
        raw[:, [10, 11, 1, 2, BLANK]] += 3
        steps = raw - np.logaddexp.reduce(raw, axis=1, keepdims=True)
        candidates = [
            text
            for length in (2, 3, 4)
            for text in itertools.product([1, 2, 10, 11], repeat=length)
            if tuple(symbol for symbol in text if symbol < 10) == (1, 2)
        ]
        totals = [-torch_ctc(steps, text) for text in candidates]
        best = candidates[int(np.argmax(totals))]
        found = likeliest_marks(steps, (1, 2))
        assert totals[candidates.index(found)] > totals[candidates.index(best)] - 0.35


def torch_ctc(steps, text):
    log_probs = torch.from_numpy(steps)[:, None]
    return float(F.ctc_loss(log_probs, torch.tensor([text]), (len(steps),), (len(text),), BLANK, reduction="sum"))
