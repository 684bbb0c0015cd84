"""Identifiers use the field's words: those that the project once used instead must not come back."""

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("tenfold", "tests", "benchmarks", "scripts")
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))

# Never as a word of an identifier, whatever stands beside it: blob, _blobs, find_blobs.
WORDS = {
    "begun": "started, resumed",
    "blob": "component",
    "blobs": "components",
    "distil": "distillation_weight",
    "optimiser": "optimizer",
    "penned": "handwriting",
    "pieced": "merge_parts",
    "redrawn": "change_pen",
    "rulings": "ruled_lines",
    "said": "message, text",
    "share": "fraction, probability",
    "shares": "fractions, probabilities",
    "told": "message, known",
    "unwatched": "no callbacks",
    "whole": "what the thing is: text, line, complete",
}
# Not as an identifier of its own.
NAMES = {
    "DenseNet": "MLP",
    "dense_net": "MLP",
    "Learner": "TrainState",
    "Watch": "ProgressCallback",
    "Watcher": "Callback",
    "advance": "train_step",
    "Recorder": "GraphedStep",
    "network_of": "load_network",
    "rest_lr": "adamw_lr",
    "hold_out": "validation_split",
    "early_stop": "early_stopping",
    "at_once": "jobs",
    "outcome": "artifacts",
    "facts": "run description",
    "story": "description",
    "Stock": "GlyphBank",
    "Workshop": "LineGenerator",
    "prints": "backgrounds",
    "Found": "DigitCandidate",
    "Judge": "classify",
    "sure": "confidence",
    "SURE": "MIN_CONFIDENCE",
    "SURER": "MIN_CONFIDENCE",
    "UNSURE": "MIN_CONFIDENCE",
    "trust": "contrast_weight",
    "MOST": "MAX_ and what is counted",
    "place": "index, position",
    "places": "indices, positions",
    "Guard": "security",
    "Front": "middleware",
    "answers": "errors, responses",
    "about": "model_info",
    "looked": "explain",
    "Refused": "APIError",
    "Busy": "QueueFull",
    "Late": "RequestTimeout",
    "Ending": "ShuttingDown",
    "upright": "normalize_polarity",
    "enlarge": "upscale",
    "filled": "what the thing is",
}


def identifiers(file: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text()).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def words(identifier: str) -> list[str]:
    """`find_blobs` and `findBlobs` are both find and blobs."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_identifiers_use_the_words_of_the_field(file):
    found = {
        identifier: [NAMES.get(identifier), *(WORDS[word] for word in words(identifier) if word in WORDS)]
        for identifier in identifiers(file)
        if identifier in NAMES or not WORDS.keys().isdisjoint(words(identifier))
    }
    assert not found


def test_words_are_found_inside_identifiers():
    assert words("find_blobs") == ["find", "blobs"]
    assert words("DenseNet") == ["dense", "net"]
    assert words("_N_SHARES") == ["n", "shares"]
