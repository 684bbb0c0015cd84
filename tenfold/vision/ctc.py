"""What a network trained with CTC says: the likeliest text, how likely it is, and where its digits stand.

After Graves et al. 2006 ("Connectionist temporal classification"); the search over prefixes is Hannun's (2014) without
a language model. All on float arrays (T, 11) of log probabilities; the last symbol is the blank.
"""

import math

import numpy as np
from numpy.typing import NDArray

LogProbabilities = NDArray[np.floating]  # (T, 11)
Text = tuple[int, ...]

DIGITS = 10
BLANK = 10
BEAM = 12
FAINT = 1e-4  # symbols less probable than this at a step are not followed
NEVER = -1e30  # log of zero that can be added to itself


def likeliest_texts(steps: LogProbabilities) -> list[Text]:
    """The texts that a prefix beam search ends with, the likeliest first."""
    beam: dict[Text, tuple[float, float]] = {(): (1.0, 0.0)}  # probability of ending in a blank, in a digit
    for step in np.exp(steps):
        blank, followed = float(step[BLANK]), [int(s) for s in np.flatnonzero(step[:DIGITS] > FAINT)]
        grown: dict[Text, tuple[float, float]] = {}
        for text, (in_blank, in_digit) in beam.items():
            stays = in_digit * float(step[text[-1]]) if text else 0.0
            here = grown.get(text, (0.0, 0.0))
            grown[text] = here[0] + (in_blank + in_digit) * blank, here[1] + stays
            for symbol in followed:
                # The same digit again is a second one only after a blank.
                reached = in_blank if text and text[-1] == symbol else in_blank + in_digit
                longer = (*text, symbol)
                there = grown.get(longer, (0.0, 0.0))
                grown[longer] = there[0], there[1] + reached * float(step[symbol])
        kept = sorted(grown.items(), key=lambda item: -sum(item[1]))[:BEAM]
        scale = 1 / max(sum(kept[0][1]), 1e-300)  # only the order matters, so that long rows don't vanish
        beam = {text: (a * scale, b * scale) for text, (a, b) in kept}
    return list(beam)


def log_probabilities(steps: LogProbabilities, texts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Log P of each of several texts of one length, int (C, L) -> float (C,): the sum over all their alignments."""
    states, may_skip = _states(texts)
    reached = np.full(states.shape, NEVER)
    reached[:, :2] = steps[0][states[:, :2]]
    for step in steps[1:].astype(np.float64):
        before = reached
        reached = before.copy()
        reached[:, 1:] = np.logaddexp(reached[:, 1:], before[:, :-1])
        reached[:, 2:] = np.logaddexp(reached[:, 2:], np.where(may_skip[:, 2:], before[:, :-2], NEVER))
        reached += step[states]
    last: NDArray[np.float64] = np.logaddexp.reduce(reached[:, -2:], axis=1)
    return last


def aligned(steps: LogProbabilities, text: Text) -> list[tuple[int, int]]:
    """For each digit of the text the first and the last step at which the likeliest alignment shows it."""
    states, may_skip = _states(np.array([text], np.intp))
    states, may_skip = states[0], may_skip[0]
    best = np.full(len(states), NEVER)
    best[:2] = steps[0][states[:2]]
    moves = np.zeros((len(steps), len(states)), np.int8)
    for t, step in enumerate(steps[1:], 1):
        ways = np.full((3, len(states)), NEVER)
        ways[0], ways[1, 1:] = best, best[:-1]
        ways[2, 2:] = np.where(may_skip[2:], best[:-2], NEVER)
        moves[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + step[states]
    state = len(states) - 1 - int(len(states) > 1 and best[-2] > best[-1])
    found: list[list[int]] = [[] for _ in text]
    for t in range(len(steps) - 1, -1, -1):
        if state % 2:
            found[state // 2].append(t)
        state -= int(moves[t, state])
    return [(places[-1], places[0]) if places else (0, 0) for places in found]


def digit_probabilities(steps: LogProbabilities, text: Text) -> NDArray[np.float64]:
    """How likely each digit is at each place of the text where the other places stay, float (L, 10), rows sum to 1."""
    candidates = np.tile(np.array(text, np.intp), (len(text), DIGITS, 1))  # (L, 10, L)
    places = np.arange(len(text))
    candidates[places, :, places] = np.arange(DIGITS)
    scores = log_probabilities(steps, candidates.reshape(-1, len(text))).reshape(len(text), DIGITS)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    normed: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return normed


def log_probability(steps: LogProbabilities, text: Text) -> float:
    """Log P(text); -inf where the row is too short for it."""
    found = float(log_probabilities(steps, np.array([text], np.intp).reshape(1, len(text)))[0])
    return found if found > NEVER / 2 else -math.inf


def _states(texts: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The texts with blanks around each digit, (C, 2 L + 1), and which states can be entered past the blank before."""
    states = np.full((texts.shape[0], 2 * texts.shape[1] + 1), BLANK, np.intp)
    states[:, 1::2] = texts
    may_skip = np.zeros(states.shape, bool)
    may_skip[:, 3::2] = texts[:, 1:] != texts[:, :-1]
    return states, may_skip
