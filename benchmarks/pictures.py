"""How well pictures of handwritten digits are read: `python benchmarks/pictures.py FOLDER [--quick] [--model MODEL]`.

FOLDER holds any of digits/, letters/ (single characters), strings/, cheques/ (rows and pages), each with images/ and
labels.csv (file; label, letter or transcript with / between rows; source; boxes_xywh), and arrays/ (.npz of uint8
images and labels). Three peers read the same pictures in the same run: a plain network on the picture resized to 28x28
and turned if it is light, the same network on the dark part framed as MNIST frames it, and Tesseract, told that there
are digits only, where it is installed. Nothing of FOLDER trains or tunes anything here.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import tenfold
from tenfold.model import Model
from tenfold.ocr.framing import frame
from tenfold.ocr.image import load_image

QUICK = 60  # pictures of each kind with --quick
LETTERS_LIKE_DIGITS = frozenset("OoIlizZSsBbgq")
GOALS = (  # how a table's title begins, its column, the least figure in percent
    ("people's own digits", "right", 98.5),
    ("people's own digits", "over sources", 99),
    ("digits cut from cheques", "right", 95),
    ("cheques", "whole text right", 80),
    ("strings", "whole text right", 90),
    ("tablet digits", "right", 99.8),
    ("refusing letters on photos", "AUROC", 97),
    ("refusing tablet letters", "AUROC", 97),
    ("refusing Fashion-MNIST", "AUROC", 99.5),
    ("refusing noise", "AUROC", 99.9),
)


@dataclass(frozen=True)
class Item:
    """A picture and what stands in it: `truth` is "" where that is no digit."""

    picture: np.ndarray
    truth: str
    source: str


@dataclass(frozen=True)
class Answer:
    text: str
    confidence: float


Read = Callable[[np.ndarray, str], Answer]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="the model to read with, instead of the bundled one")
    parser.add_argument("--plain", help="the peers' plain network: a run folder or .onnx file (default: the model)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pictures of each kind")
    parser.add_argument("--json", type=Path, help="write all figures there too")
    options = parser.parse_args()
    model = tenfold.load_model(options.model) if options.model else tenfold.load_model()
    plain = tenfold.load_model(options.plain) if options.plain else model
    reader = tenfold.Reader(model)
    readers: dict[str, Read] = {
        "tenfold": lambda picture, expect: ours(reader, picture, expect),
        "resized": lambda picture, expect: resized(plain, picture),
        "framed": lambda picture, expect: framed(plain, picture),
    }
    if shutil.which("tesseract"):
        readers["Tesseract"] = tesseract
    limit = QUICK if options.quick else None
    figures = measure(options.folder, readers, limit)
    for title, rows in figures.items():
        print_table(title, rows)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))
    return check_goals(figures)


def measure(folder: Path, readers: dict[str, Read], limit: int | None) -> dict[str, list[dict[str, object]]]:
    """Tables of figures by title; a row a reader."""
    tables: dict[str, list[dict[str, object]]] = {}
    single = [reader for reader in readers if reader != "Tesseract"]
    digits = taken(labeled(folder / "digits", "label"), limit)
    if digits:
        tables[f"people's own digits ({len(digits)})"] = [
            {"reader": name} | single_figures(digits, read_items(digits, readers[name], "digit")) for name in readers
        ]
        tables[f"the same, nothing said of what they show ({len(digits)})"] = [
            {"reader": "tenfold"} | single_figures(digits, read_items(digits, readers["tenfold"], "auto"))
        ]
    cut = taken(cut_out(folder / "cheques"), limit)
    if cut:
        tables[f"digits cut from cheques ({len(cut)})"] = [
            {"reader": name} | single_figures(cut, read_items(cut, readers[name], "digit")) for name in single
        ]
    for kind, expect in (("cheques", "line"), ("strings", "auto")):
        rows = taken(labeled(folder / kind, "transcript"), limit)
        if rows:
            tables[f"{kind} ({len(rows)})"] = [
                {"reader": name} | string_figures(rows, read_items(rows, readers[name], expect))
                for name in ("tenfold", "Tesseract")
                if name in readers
            ]
    known = taken(array(folder / "arrays" / "tablet_digits.npz"), limit)
    if known:
        tables[f"tablet digits ({len(known)})"] = [
            {"reader": name} | single_figures(known, read_items(known, readers[name], "digit")) for name in single
        ]
    others = {
        "letters on photos": taken(labeled(folder / "letters", "letter", truth=""), limit),
        "tablet letters": taken(array(folder / "arrays" / "tablet_letters.npz", letters=True), limit),
        "Fashion-MNIST": taken(array(folder / "arrays" / "fashion.npz", truth=""), limit),
        "noise": taken(noise(200), limit),
    }
    if digits:
        inside = {name: confidences(digits + known, readers[name], "digit") for name in single}
        for title, outside in others.items():
            if outside:
                tables[f"refusing {title} ({len(outside)})"] = [
                    {"reader": name} | refusal(inside[name], confidences(outside, readers[name], "digit"))
                    for name in single
                ]
    return tables


def ours(reader: tenfold.Reader, picture: np.ndarray, expect: str) -> Answer:
    reading = reader.read(picture, expect)
    return Answer(reading.text.replace("\n", "/"), reading.confidence)


def resized(model: Model, picture: np.ndarray) -> Answer:
    """The naive way: the whole picture to 28x28, turned if it is light."""
    gray = load_image(picture).gray
    small = cv2.resize(gray, (28, 28), interpolation=cv2.INTER_AREA)
    return best(model, 255 - small if small.mean() > 127 else small)


def framed(model: Model, picture: np.ndarray) -> Answer:
    """The usual way: Otsu's threshold, the box around the ink, MNIST's framing."""
    gray = load_image(picture).gray
    gray = 255 - gray if gray.mean() > 127 else gray
    threshold, _ = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return best(model, frame(np.where(gray > threshold, gray, 0).astype(np.uint8)))


def best(model: Model, image: np.ndarray) -> Answer:
    probabilities = model.predict_proba(image[None])[0]
    return Answer(str(int(probabilities.argmax())), float(probabilities.max()))


def tesseract(picture: np.ndarray, expect: str) -> Answer:
    layout = {"digit": "10", "line": "7"}.get(expect, "6")
    gray = load_image(picture).gray
    gray = np.pad(255 - gray if gray.mean() < 127 else gray, 10, mode="edge")  # dark on light, as it wants it
    if gray.shape[0] < 60:
        gray = cv2.resize(gray, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        Image.fromarray(gray).save(file.name)
        command = ["tesseract", file.name, "-", "--psm", layout, "-c", "tessedit_char_whitelist=0123456789"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    rows = ["".join(row.split()) for row in ran.stdout.splitlines() if row.strip()]
    return Answer("/".join(rows), 1.0)


def labeled(folder: Path, column: str, truth: str | None = None) -> Iterator[Item]:
    if (folder / "labels.csv").exists():
        with (folder / "labels.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                picture = as_array(folder / "images" / row["file"])
                yield Item(picture, row[column] if truth is None else truth, row["source"])


def cut_out(folder: Path) -> Iterator[Item]:
    """Each digit of the rows that say where it stands."""
    if (folder / "labels.csv").exists():
        with (folder / "labels.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                picture = as_array(folder / "images" / row["file"])
                for box, digit in zip(row["boxes_xywh"].split(";"), row["transcript"], strict=False):
                    x, y, width, height = map(int, box.split(","))
                    yield Item(picture[y : y + height, x : x + width], digit, row["source"])


def array(file: Path, letters: bool = False, truth: str | None = None) -> Iterator[Item]:
    if file.exists():
        with np.load(file) as content:
            images, labels = content["images"], content["labels"]
        for image, label in zip(images, labels, strict=True):
            if letters and chr(label) in LETTERS_LIKE_DIGITS:
                continue
            yield Item(image, "" if letters else str(label) if truth is None else truth, file.stem)


def noise(count: int) -> Iterator[Item]:
    """Pictures of nothing: uniform, white noise, and soft clouds."""
    rng = np.random.default_rng(0)
    for number in range(count):
        side = int(rng.integers(28, 200))
        grain = rng.normal(0, 1, (side, side))
        cloud = cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(0.3, 8)))
        cloud = cloud / cloud.std() * rng.uniform(5, 60) * (number % 4 > 0)
        yield Item((128 + cloud).clip(0, 255).astype(np.uint8), "", "noise")


def as_array(path: Path) -> np.ndarray:
    """What was stored, with alpha if it has any: opening files is not what is measured."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))


def taken(items: Iterator[Item], limit: int | None) -> list[Item]:
    """All, or `limit` of them spread over the whole."""
    found = list(items)
    if limit is None or len(found) <= limit:
        return found
    return [found[int(index)] for index in np.linspace(0, len(found) - 1, limit)]


def read_items(items: list[Item], read: Read, expect: str) -> list[tuple[Answer, float]]:
    """What the reader says to each picture, and the seconds it took."""
    given = []
    for item in items:
        start = time.perf_counter()
        answer = read(item.picture, expect)
        given.append((answer, time.perf_counter() - start))
    return given


def confidences(items: list[Item], read: Read, expect: str) -> list[float]:
    return [answer.confidence for answer, _ in read_items(items, read, expect)]


def single_figures(items: list[Item], given: list[tuple[Answer, float]]) -> dict[str, object]:
    right = [answer.text == item.truth for item, (answer, _) in zip(items, given, strict=True)]
    return {
        "right": percent(right),
        "over sources": percent(over_sources(items, right)),
        "refused": percent([not answer.text for answer, _ in given]),
    } | confidence_figures(right, given)


def string_figures(items: list[Item], given: list[tuple[Answer, float]]) -> dict[str, object]:
    right = [answer.text == item.truth for item, (answer, _) in zip(items, given, strict=True)]
    wrong = sum(distance(answer.text, item.truth) for item, (answer, _) in zip(items, given, strict=True))
    return {
        "whole text right": percent(right),
        "digit errors": f"{100 * wrong / sum(len(item.truth) for item in items):.1f} %",
    } | confidence_figures(right, given)


def confidence_figures(right: list[bool], given: list[tuple[Answer, float]]) -> dict[str, object]:
    """Errors among the surest halves and nine tenths (risk against coverage), calibration, time."""
    order = np.argsort([-answer.confidence for answer, _ in given], kind="stable")
    sorted_right = np.array(right, float)[order]
    confidence = np.array([answer.confidence for answer, _ in given])
    return {
        "risk at 50 %": percent(1 - sorted_right[: max(1, len(right) // 2)]),
        "risk at 90 %": percent(1 - sorted_right[: max(1, 9 * len(right) // 10)]),
        "calibration": f"{100 * calibration_error(confidence, np.array(right, float)):.1f} %",
        "ms": f"{1000 * statistics.median(seconds for _, seconds in given):.1f}",
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (index == one).mean() * abs(confidence[index == one].mean() - right[index == one].mean())
        for one in np.unique(index)
    ]
    return float(sum(gaps))


def over_sources(items: list[Item], right: list[bool]) -> list[float]:
    by_source: dict[str, list[bool]] = {}
    for item, one in zip(items, right, strict=True):
        by_source.setdefault(item.source, []).append(one)
    return [statistics.mean(ones) for ones in by_source.values()]


def refusal(inside: list[float], outside: list[float]) -> dict[str, object]:
    """AUROC of the confidence, and how much of what is no digit passes where 95 and 99 % of the digits do."""
    digits, others = np.sort(inside), np.array(outside)
    above = np.searchsorted(digits, others, "right"), np.searchsorted(digits, others, "left")
    auroc = 1 - (above[0] + above[1]).mean() / 2 / len(digits)
    passing = {}
    for fraction in (0.95, 0.99):
        lowest = digits[int((1 - fraction) * len(digits))]
        passing[f"accepted at {100 * fraction:.0f} %"] = percent(others >= max(lowest, 1e-9))
    return {"AUROC": f"{100 * auroc:.2f}"} | passing | {"called a digit": percent(others > 0)}


def percent(values: object) -> str:
    return f"{100 * float(np.mean(np.asarray(values, float))):.1f} %"


def distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def print_table(title: str, rows: list[dict[str, object]]) -> None:
    names = list(rows[0])
    print(f"\n### {title}\n\n| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(str(row[name]) for name in names)} |")


def check_goals(figures: dict[str, list[dict[str, object]]]) -> int:
    """Say which goals are reached; 1 where one is missed."""
    print()
    missed = 0
    for begins, column, least in GOALS:
        for title in (title for title in figures if title.startswith(begins)):
            ours = float(str(figures[title][0][column]).removesuffix(" %"))
            missed += ours < least
            print("FAILS" if ours < least else "holds", f"{title}, {column}: at least {least:g} % ({ours:g})", sep="  ")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
