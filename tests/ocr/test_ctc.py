"""Oracles: every path of a short line counted one by one, and PyTorch's CTC loss."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.ocr import ctc

SYMBOLS = 11


def random_steps(length, seed, sharpness=3.0):
    logits = np.random.default_rng(seed).normal(0, sharpness, (length, SYMBOLS))
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def log_probability(steps, text):
    return ctc.text_log_probabilities(steps[None], [text])[0, 0]


def collapsed(path):
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != ctc.BLANK)


def all_texts(steps, symbols):
    """Probability of each text over the paths of these symbols."""
    probabilities = defaultdict(float)
    for path in itertools.product(symbols, repeat=len(steps)):
        probabilities[collapsed(path)] += math.exp(
            sum(float(step[symbol]) for step, symbol in zip(steps, path, strict=True))
        )
    return probabilities


def few_symbols(steps, symbols):
    """The same steps with nothing left for other symbols."""
    only = np.full_like(steps, -60)
    only[:, symbols] = steps[:, symbols]
    return only - np.logaddexp.reduce(only, axis=1, keepdims=True)


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_text_log_probabilities_sum_over_all_paths(length, seed):
    symbols = [3, 7, ctc.BLANK]
    steps = few_symbols(random_steps(length, seed), symbols)
    for text, probability in all_texts(steps, symbols).items():
        assert log_probability(steps, text) == pytest.approx(math.log(probability), abs=1e-4)


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_beam_search_finds_most_probable_text(length, seed):
    symbols = [3, 7, ctc.BLANK]
    steps = few_symbols(random_steps(length, seed), symbols)
    probabilities = all_texts(steps, symbols)
    assert probabilities[ctc.beam_search(steps)[0]] == pytest.approx(max(probabilities.values()), rel=1e-3)


@pytest.mark.parametrize("text", [(1,), (4, 4), (0, 9, 9, 2), (5, 5, 5)])
def test_text_log_probabilities_match_pytorch(text):
    steps = random_steps(30, 5)
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(steps)[:, None], torch.tensor([text]), (30,), (len(text),), ctc.BLANK, reduction="none"
    )
    assert -log_probability(steps, text) == pytest.approx(loss.item(), rel=1e-4)


def test_text_log_probabilities_of_too_long_text():
    assert log_probability(random_steps(3, 0), (1, 1, 1)) == -math.inf
    assert math.isfinite(log_probability(random_steps(5, 0), (1, 1, 1)))


def test_digit_probabilities_compare_texts():
    steps = random_steps(12, 2, 1.0)
    found = ctc.digit_probabilities(steps[None], (8, 1))
    expected = np.exp([log_probability(steps, (8, digit)) for digit in range(10)])
    np.testing.assert_allclose(found[1], expected / expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_digit_probabilities_of_any_text(text, seed):
    steps = random_steps(14, seed, 1.0)
    found = ctc.digit_probabilities(steps[None], tuple(text))
    for index in range(len(text)):
        others = [(*text[:index], digit, *text[index + 1 :]) for digit in range(10)]
        expected = np.exp(ctc.text_log_probabilities(steps[None], others)[0])
        np.testing.assert_allclose(found[index], expected / expected.sum(), rtol=1e-4, atol=1e-9)


def test_text_log_probabilities_are_batched():
    log_probs, texts = np.stack([random_steps(40, seed) for seed in (1, 2)]), [(1, 2), (), (7,), (7, 7), (3, 1)]
    found = ctc.text_log_probabilities(log_probs, texts)
    np.testing.assert_allclose(found, [[log_probability(steps, text) for text in texts] for steps in log_probs])
    both = [ctc.digit_probabilities(log_probs[[i]], (3, 1)) for i in (0, 1)]
    np.testing.assert_allclose(ctc.digit_probabilities(log_probs, (3, 1)), np.mean(both, axis=0))


def test_text_log_probabilities_do_not_underflow():
    steps = random_steps(3000, 3)
    assert np.isfinite(log_probability(steps, tuple(np.arange(600) % 10)))


def test_align_finds_digits():
    path = [10, 2, 2, 10, 10, 5, 10, 5, 5, 5, 10]
    steps = np.full((len(path), SYMBOLS), -9.0)
    steps[np.arange(len(path)), path] = -0.01
    assert ctc.align(steps, (2, 5, 5)) == [(1, 2), (5, 5), (7, 9)]


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_align_follows_most_probable_path(length, seed):
    symbols = [3, 7, ctc.BLANK]
    steps = few_symbols(random_steps(length, seed), symbols)
    text = ctc.beam_search(steps)[0]
    paths = [path for path in itertools.product(symbols, repeat=length) if collapsed(path) == text]
    best = max(paths, key=lambda path: sum(steps[t, symbol] for t, symbol in enumerate(path)))
    runs, t = [], 0
    for symbol, run in itertools.groupby(best):
        n = len(list(run))
        runs += [(t, t + n - 1)] * (symbol != ctc.BLANK)
        t += n
    assert ctc.align(steps, text) == runs


def test_without_marks_sums_over_marks():
    """Against all paths of a tiny alphabet: ten digits, one mark, blank."""
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(4, 12))
    steps -= np.logaddexp.reduce(steps, axis=1, keepdims=True)
    reduced = ctc.without_marks(steps)
    np.testing.assert_allclose(np.exp(reduced).sum(axis=1), 1)
    total = 0.0
    for path in itertools.product([3, 7, 10, 11], repeat=4):  # 10 is the mark, 11 the blank
        kept = [symbol for symbol, _ in itertools.groupby(path)]
        if [symbol for symbol in kept if symbol < 10] == [3, 7]:
            total += np.exp(sum(steps[t, symbol] for t, symbol in enumerate(path)))
    assert np.exp(ctc.text_log_probabilities(reduced[None], [(3, 7)])[0, 0]) == pytest.approx(total)


def test_without_marks_keeps_digits_alone():
    steps = np.zeros((5, 11))
    assert ctc.without_marks(steps) is steps
