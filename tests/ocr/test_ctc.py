"""Oracles: every path of a short row counted one by one, and PyTorch's CTC loss."""

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
    return ctc.log_probabilities(steps[None], [text])[0, 0]


def collapsed(path):
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != ctc.BLANK)


def all_texts(steps, symbols):
    """Probability of each text over the paths of these symbols."""
    chances = defaultdict(float)
    for path in itertools.product(symbols, repeat=len(steps)):
        chances[collapsed(path)] += math.exp(sum(float(step[symbol]) for step, symbol in zip(steps, path, strict=True)))
    return chances


def few_symbols(steps, symbols):
    """The same steps with nothing left for other symbols."""
    only = np.full_like(steps, -60)
    only[:, symbols] = steps[:, symbols]
    return only - np.logaddexp.reduce(only, axis=1, keepdims=True)


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_sum_over_all_paths(length, seed):
    symbols = [3, 7, ctc.BLANK]
    steps = few_symbols(random_steps(length, seed), symbols)
    for text, chance in all_texts(steps, symbols).items():
        assert log_probability(steps, text) == pytest.approx(math.log(chance), abs=1e-4)


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_search_finds_the_likeliest_text(length, seed):
    symbols = [3, 7, ctc.BLANK]
    steps = few_symbols(random_steps(length, seed), symbols)
    chances = all_texts(steps, symbols)
    assert chances[ctc.likeliest_texts(steps)[0]] == pytest.approx(max(chances.values()), rel=1e-3)


@pytest.mark.parametrize("text", [(1,), (4, 4), (0, 9, 9, 2), (5, 5, 5)])
def test_as_pytorch_says(text):
    steps = random_steps(30, 5)
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(steps)[:, None], torch.tensor([text]), (30,), (len(text),), ctc.BLANK, reduction="none"
    )
    assert -log_probability(steps, text) == pytest.approx(loss.item(), rel=1e-4)


def test_a_text_longer_than_its_row_is_impossible():
    assert log_probability(random_steps(3, 0), (1, 1, 1)) == -math.inf
    assert math.isfinite(log_probability(random_steps(5, 0), (1, 1, 1)))


def test_digit_probabilities_compare_whole_texts():
    steps = random_steps(12, 2, 1.0)
    found = ctc.digit_probabilities(steps[None], (8, 1))
    wanted = np.exp([log_probability(steps, (8, digit)) for digit in range(10)])
    np.testing.assert_allclose(found[1], wanted / wanted.sum(), rtol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_digit_probabilities_of_any_text(text, seed):
    steps = random_steps(14, seed, 1.0)
    found = ctc.digit_probabilities(steps[None], tuple(text))
    for place in range(len(text)):
        others = [(*text[:place], digit, *text[place + 1 :]) for digit in range(10)]
        wanted = np.exp(ctc.log_probabilities(steps[None], others)[0])
        np.testing.assert_allclose(found[place], wanted / wanted.sum(), rtol=1e-4, atol=1e-9)


def test_several_looks_and_texts_at_once():
    looks, texts = np.stack([random_steps(40, seed) for seed in (1, 2)]), [(1, 2), (), (7,), (7, 7), (3, 1)]
    found = ctc.log_probabilities(looks, texts)
    np.testing.assert_allclose(found, [[log_probability(steps, text) for text in texts] for steps in looks])
    both = [ctc.digit_probabilities(looks[[i]], (3, 1)) for i in (0, 1)]
    np.testing.assert_allclose(ctc.digit_probabilities(looks, (3, 1)), np.mean(both, axis=0))


def test_a_very_long_row_does_not_vanish():
    steps = random_steps(3000, 3)
    assert np.isfinite(log_probability(steps, tuple(np.arange(600) % 10)))


def test_alignment_shows_where_the_digits_are():
    path = [10, 2, 2, 10, 10, 5, 10, 5, 5, 5, 10]
    steps = np.full((len(path), SYMBOLS), -9.0)
    steps[np.arange(len(path)), path] = -0.01
    assert ctc.aligned(steps, (2, 5, 5)) == [(1, 2), (5, 5), (7, 9)]


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_alignment_follows_the_likeliest_path(length, seed):
    symbols = [3, 7, ctc.BLANK]
    steps = few_symbols(random_steps(length, seed), symbols)
    text = ctc.likeliest_texts(steps)[0]
    paths = [path for path in itertools.product(symbols, repeat=length) if collapsed(path) == text]
    best = max(paths, key=lambda path: sum(steps[t, symbol] for t, symbol in enumerate(path)))
    runs, t = [], 0
    for symbol, run in itertools.groupby(best):
        n = len(list(run))
        runs += [(t, t + n - 1)] * (symbol != ctc.BLANK)
        t += n
    assert ctc.aligned(steps, text) == runs
