"""Decoding of CTC outputs: the most probable text, its probability, and where its digits are.

After Graves et al. 2006 ("Connectionist temporal classification"); the search over prefixes is Hannun's (2014) without
a language model. All on float arrays (T, 11) of log probabilities, or (K, T, 11) of K augmentations of a line;
the last symbol is the blank.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LogProbabilities = NDArray[np.floating]  # (T, 11)
Text = tuple[int, ...]

DIGITS = 10
BLANK = 10
BEAM_WIDTH = 8
MIN_SYMBOL_PROBABILITY = 1e-3  # at a step; less probable symbols are not followed
MIN_SCALE = 1e-300
RESCALE_STEPS = 16  # after which probabilities are brought back to about 1
LOG_ZERO = -1e30  # finite, so that it can be added to itself


def without_marks(steps: LogProbabilities) -> LogProbabilities:
    """Log probabilities (..., digits, marks, blank) as (..., 11): a mark parts two digits, as a blank does.

    So the probability of a text of digits is summed over all marks that may stand in it.
    """
    if steps.shape[-1] == DIGITS + 1:
        return steps
    nothing = np.logaddexp.reduce(steps[..., DIGITS:], axis=-1, keepdims=True)
    return np.concatenate([steps[..., :DIGITS], nothing], axis=-1).astype(steps.dtype)


def beam_search(steps: LogProbabilities) -> list[Text]:
    """The texts of a prefix beam search, the most probable first."""
    beam: dict[Text, tuple[float, float]] = {(): (1.0, 0.0)}  # probability of ending in a blank, in a digit
    for step in np.exp(steps).tolist():
        blank, followed = step[BLANK], [symbol for symbol in range(DIGITS) if step[symbol] > MIN_SYMBOL_PROBABILITY]
        grown: dict[Text, tuple[float, float]] = {}
        for text, (in_blank, in_digit) in beam.items():
            stays = in_digit * step[text[-1]] if text else 0.0
            here = grown.get(text, (0.0, 0.0))
            grown[text] = here[0] + (in_blank + in_digit) * blank, here[1] + stays
            for symbol in followed:
                # The same digit again is a second one only after a blank.
                reached = in_blank if text and text[-1] == symbol else in_blank + in_digit
                longer = (*text, symbol)
                there = grown.get(longer, (0.0, 0.0))
                grown[longer] = there[0], there[1] + reached * step[symbol]
        kept = sorted(grown.items(), key=lambda item: -(item[1][0] + item[1][1]))[:BEAM_WIDTH]
        scale = 1 / max(sum(kept[0][1]), 1e-300)  # only the order matters, so that long lines don't underflow
        beam = {text: (a * scale, b * scale) for text, (a, b) in kept}
    return list(beam)


def text_log_probabilities(log_probs: LogProbabilities, texts: Sequence[Text]) -> NDArray[np.float64]:
    """The log probability of each text: log_probs (K, T, 11), C texts -> float (K, C).

    It sums over all alignments of a text; -inf if the line is too short for it.
    """
    found = np.empty((len(log_probs), len(texts)))
    for length in {len(text) for text in texts}:
        indices = [index for index, text in enumerate(texts) if len(text) == length]
        found[:, indices] = _forward(
            log_probs, np.array([texts[index] for index in indices], np.intp).reshape(len(indices), length)
        )
    return found


def _forward(log_probs: LogProbabilities, texts: NDArray[np.intp]) -> NDArray[np.float64]:
    """As above for texts of one length, int (C, L)."""
    states, may_skip = _states(texts)
    probabilities = np.exp(log_probs.astype(np.float64))
    reached = np.zeros((len(log_probs), *states.shape))  # (K, C, 2 L + 1)
    reached[..., :2] = probabilities[:, 0, states[:, :2]]
    total = np.zeros(reached.shape[:2])
    for t in range(1, probabilities.shape[1]):
        grown = reached.copy()
        grown[..., 1:] += reached[..., :-1]
        grown[..., 2:] += reached[..., :-2] * may_skip[:, 2:]
        grown *= probabilities[:, t, states]
        if t % RESCALE_STEPS == 0:  # or long lines would underflow
            scale = np.maximum(grown.max(axis=-1), MIN_SCALE)
            total += np.log(scale)
            grown /= scale[..., None]
        reached = grown
    with np.errstate(divide="ignore"):
        last: NDArray[np.float64] = np.log(reached[..., -2:].sum(axis=-1)) + total
    return last


def align(steps: LogProbabilities, text: Text) -> list[tuple[int, int]]:
    """The first and last step of each symbol in the most probable alignment of a text (Viterbi).

    steps: (T, symbols and blank), of digits alone or with marks.
    """
    states, may_skip = _states(np.array([text], np.intp), steps.shape[1] - 1)
    states, may_skip = states[0], may_skip[0]
    best = np.full(len(states), LOG_ZERO)
    best[:2] = steps[0][states[:2]]
    moves = np.zeros((len(steps), len(states)), np.int8)
    for t, step in enumerate(steps[1:], 1):
        ways = np.full((3, len(states)), LOG_ZERO)
        ways[0], ways[1, 1:] = best, best[:-1]
        ways[2, 2:] = np.where(may_skip[2:], best[:-2], LOG_ZERO)
        moves[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + step[states]
    state = len(states) - 1 - int(len(states) > 1 and best[-2] > best[-1])
    found: list[list[int]] = [[] for _ in text]
    for t in range(len(steps) - 1, -1, -1):
        if state % 2:
            found[state // 2].append(t)
        state -= int(moves[t, state])
    return [(shown[-1], shown[0]) if shown else (0, 0) for shown in found]


def digit_probabilities(log_probs: LogProbabilities, text: Text) -> NDArray[np.float64]:
    """The probability of each digit at each position of a text, given the others: log_probs (K, T, 11) -> (L, 10).

    The mean over the augmentations; rows sum to 1. What comes before a position and after it is summed once for all
    digits (forward and backward, as in training).
    """
    log_probs = log_probs.astype(np.float64)
    count, length, _ = log_probs.shape
    before, after = _forward_backward(log_probs, text)
    here = 2 * np.arange(len(text)) + 1  # the positions' states among the blanks
    differs = np.array(text)[:, None] != np.arange(DIGITS)  # (L, 10): only these can be neighbors without a blank
    shape = (count, length, len(text), DIGITS)
    entered, left = np.full(shape, LOG_ZERO), np.full(shape, LOG_ZERO)  # at each step: from before, to after
    entered[:, 1:] = before[:, :-1, here - 1, None]
    entered[:, 0, 0] = 0.0
    beside = np.where(differs[:-1], before[:, :-1, here[:-1], None], LOG_ZERO)
    entered[:, 1:, 1:] = np.logaddexp(entered[:, 1:, 1:], beside)
    left[:, :-1] = after[:, 1:, here + 1, None]
    left[:, -1, -1] = 0.0
    beside = np.where(differs[1:], after[:, 1:, here[1:], None], LOG_ZERO)
    left[:, :-1, :-1] = np.logaddexp(left[:, :-1, :-1], beside)
    reached = np.empty(shape)  # to show the digit at this step
    stayed = np.full((count, len(text), DIGITS), LOG_ZERO)
    for t in range(length):
        stayed = reached[:, t] = np.logaddexp(stayed, entered[:, t]) + log_probs[:, t, None, :DIGITS]
    total = np.logaddexp.reduce(reached + left, axis=1)  # (K, L, 10)
    weights = np.exp(total - total.max(axis=2, keepdims=True))
    probabilities: NDArray[np.float64] = (weights / weights.sum(axis=2, keepdims=True)).mean(axis=0)
    return probabilities


def _forward_backward(log_probs: NDArray[Any], text: Text) -> NDArray[np.float64]:
    """The log of the sum over all ways to each state up to each step, and from it on to the end: (2, K, T, 2 L + 1).

    Both include what the step itself shows. Backwards is forwards through the reversed line and text.
    """
    texts = np.array([text, text[::-1]], np.intp)
    states, may_skip = _states(texts)
    shown = np.stack([log_probs[:, :, states[0]], log_probs[:, ::-1, states[1]]])  # (2, K, T, S)
    sums = np.full(shown.shape, LOG_ZERO)
    sums[:, :, 0, :2] = shown[:, :, 0, :2]
    for t in range(1, shown.shape[2]):
        earlier = sums[:, :, t - 1]
        ways = earlier.copy()
        ways[..., 1:] = np.logaddexp(ways[..., 1:], earlier[..., :-1])
        skipped = np.where(may_skip[:, None, 2:], earlier[..., :-2], LOG_ZERO)
        ways[..., 2:] = np.logaddexp(ways[..., 2:], skipped)
        sums[:, :, t] = ways + shown[:, :, t]
    sums[1] = sums[1, :, ::-1, ::-1].copy()
    return sums


def _states(texts: NDArray[np.intp], blank: int = BLANK) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The texts with blanks around each symbol, (C, 2 L + 1), and which states can be entered past the blank before."""
    states = np.full((texts.shape[0], 2 * texts.shape[1] + 1), blank, np.intp)
    states[:, 1::2] = texts
    may_skip = np.zeros(states.shape, bool)
    may_skip[:, 3::2] = texts[:, 1:] != texts[:, :-1]
    return states, may_skip
