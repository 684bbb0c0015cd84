"""`LineTask`: to read whole lines of digits with CTC, learned from synthetic lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tenfold import __version__
from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding
from tenfold.errors import DataError
from tenfold.evaluation.calibration import calibration_error, reliability_bins
from tenfold.evaluation.statistics import wilson_interval
from tenfold.export.onnx import add_metadata, export
from tenfold.images import CLASSES
from tenfold.nets import Network, build
from tenfold.nets.ctc import STEP
from tenfold.ocr.line_model import CALIBRATION, LINE_HEIGHT, SYMBOLS_KEY, LineModel, calibrate, normalize_line
from tenfold.ocr.marks import BLANK, SYMBOLS, digits_of
from tenfold.recipes.networks import CTC
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.synthesis.augment import augment_images
from tenfold.synthesis.lines.generator import LineGenerator
from tenfold.synthesis.lines.glyph_bank import GlyphBank
from tenfold.training.artifacts import LineEvaluation, write_line_artifacts
from tenfold.training.callbacks import Callback
from tenfold.training.checkpoint import save_weights
from tenfold.training.device import autocast, select_precision
from tenfold.training.loop import fit
from tenfold.training.randomness import derived_seed
from tenfold.training.state import TrainState
from tenfold.training.task import Batch, FitResult, StepResult

Lines = list[tuple[NDArray[np.uint8], str]]  # images (32, W) with their digits and marks

VALIDATION_LINES = 2000
WIDTH_MULTIPLE = 32  # batches are padded to a multiple of it: few shapes, which are faster than many
USUAL_WIDTH, MAX_WIDTH = 192, 640  # of a line's image, in pixels
BUCKET_BATCHES = 16  # lines are sorted by width among so many batches' worth of them
GENERATOR_STEP, VALIDATION_STEP = -2, -3  # not steps of any training: to derive seeds for the generators


class LineTask:
    """One network that reads lines. Each epoch generates new lines and shows them `net.passes` times.

    The accuracy in history.csv counts lines of which all digits are right. Raises DataError if a digit is missing.
    """

    max_grad_norm: float | None = 5.0

    def __init__(self, recipe: Recipe, train_set: Dataset, val_set: Dataset | None, device: torch.device) -> None:
        assert isinstance(recipe.net, CTC)
        self.recipe, self.net, self.device = recipe, recipe.net, device
        self.train_set, self.val_set = train_set, val_set
        self.samples_per_epoch = self.net.lines_per_epoch * self.net.passes_per_epoch
        random = np.random.default_rng(derived_seed(recipe.seed, 0, GENERATOR_STEP))
        self.generator = LineGenerator.create(GlyphBank.from_dataset(train_set), random)
        self.val_lines = generate_validation_lines(recipe, val_set) if val_set else []

    def select_precisions(self, precision: str) -> list[str]:
        def make_network() -> Network:
            network = build(self.recipe, torch.zeros(1, LINE_HEIGHT, LINE_HEIGHT)).to(self.device)
            return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

        shape = (self.recipe.batch_size, LINE_HEIGHT, USUAL_WIDTH)
        return [select_precision(precision, make_network, shape, self.device)]

    def fit(self, run: Run, precisions: Sequence[str], callbacks: Sequence[Callback] = ()) -> FitResult:
        images = torch.zeros(
            1, LINE_HEIGHT, LINE_HEIGHT, device=self.device
        )  # only `scale` normalization, which fits nothing
        return fit(self, TrainState.resume_or_create(self.recipe, images, run, precisions[0]), callbacks)

    def begin_epoch(self, epoch: int) -> int:
        random = np.random.default_rng(derived_seed(self.recipe.seed, epoch, -1))
        self.lines = generate_lines(self.generator, self.net.lines_per_epoch, random)
        passes = [bucket_batches(self.lines, self.recipe.batch_size, random) for _ in range(self.net.passes_per_epoch)]
        self.batches = [indices for batches in passes for indices in batches]
        return len(self.batches)

    def batch(self, state: TrainState) -> Batch:
        return Batch(torch.tensor(self.batches[state.step]))

    def step(self, network: Network, batch: Batch, precision: str) -> StepResult:
        lines = [self.lines[index] for index in batch.indices]
        images, lengths = pad_images([line[0] for line in lines])
        texts = [line[1] for line in lines]
        with autocast(self.device, precision):  # also of the augmentation
            pixels = augment_lines(images.to(self.device).float(), self.recipe)  # (B, 32, W)
            logits = network(pixels)  # (B, W / 2, symbols and blank)
        loss = ctc_loss(logits, lengths, texts).mean()
        return StepResult(loss, count_correct(logits.detach(), lengths, texts))

    def validate(self, network: Network, state: TrainState) -> tuple[float, float] | None:
        return validate_lines(network, self.val_lines, self.recipe.batch_size, self.device) if self.val_lines else None

    def export(self, network: Network, run: Run) -> None:
        save_weights(run.weights, network.state_dict())
        metadata = {"tenfold": __version__, "recipe": self.recipe.model_dump_json(), SYMBOLS_KEY: SYMBOLS}
        export(network, run.model, metadata)

    def write_artifacts(
        self, run: Run, result: FitResult, unlabeled: Dataset | None, findings: Sequence[Finding] = ()
    ) -> dict[str, Any]:
        evaluation = None
        if self.val_lines:
            evaluation = evaluate_lines(LineModel(run.model.read_bytes()), self.val_lines)
            add_metadata(run.model, {CALIBRATION: json.dumps(evaluation.metrics["calibration"])})
        return write_line_artifacts(self.recipe, result, self.train_set, evaluation, run, self.device, findings)


def check_all_digits(data: Dataset, part: str) -> None:
    """Raise DataError if there are no samples of a digit, as lines are composed of all ten."""
    assert data.labels is not None
    if missing := sorted(set(range(CLASSES)) - set(data.labels.tolist())):
        raise DataError(
            f"{data.source}: none of the {len(data):,} {part} samples is a {missing[0]}, and lines are composed of all "
            "ten digits; use more samples"
        )


def generate_lines(generator: LineGenerator, count: int, random: np.random.Generator) -> Lines:
    """New lines as the network sees them, at most `MAX_WIDTH` wide."""
    lines: Lines = []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # faster for such small images
    while len(lines) < count:
        picture, text = generator.generate(random)
        image = normalize_line(picture)
        if STEP * 2 * len(text) < image.shape[1] <= MAX_WIDTH:
            lines.append((image, text))
    cv2.setNumThreads(threads)
    return lines


def generate_validation_lines(recipe: Recipe, val_set: Dataset) -> Lines:
    """Lines of digits and backgrounds that are not in any training line."""
    random = np.random.default_rng(derived_seed(recipe.seed, 0, VALIDATION_STEP))
    return generate_lines(LineGenerator.create(GlyphBank.from_dataset(val_set), random), VALIDATION_LINES, random)


def bucket_batches(lines: Lines, batch_size: int, random: np.random.Generator) -> list[NDArray[np.intp]]:
    """The indices of all lines in batches of similar widths, in random order."""
    order = random.permutation(len(lines))
    widths = np.array([image.shape[1] for image, _ in lines])
    batches = []
    for start in range(0, len(order), batch_size * BUCKET_BATCHES):
        bucket = order[start : start + batch_size * BUCKET_BATCHES]
        bucket = bucket[widths[bucket].argsort(kind="stable")]
        batches += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]


def pad_images(images: list[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
    """Images padded with black to one width, uint8 (B, 32, W), and the lengths of their outputs, int64 (B,)."""
    width = max(image.shape[1] for image in images)
    batch = np.zeros((len(images), LINE_HEIGHT, -(-width // WIDTH_MULTIPLE) * WIDTH_MULTIPLE), np.uint8)
    for padded, image in zip(batch, images, strict=True):
        padded[:, : image.shape[1]] = image
    return torch.from_numpy(batch), torch.tensor([-(-image.shape[1] // (2 * STEP)) * 2 for image in images])


def augment_lines(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Random zoom and shift of each image, and a random gamma, which makes faint parts fainter or stronger."""
    if not recipe.augment.active:
        return pixels
    gamma = torch.exp(torch.randn(len(pixels), 1, 1, device=pixels.device) * 0.2)
    return augment_images((pixels / 255).pow(gamma) * 255, recipe.augment)


def ctc_loss(logits: Tensor, lengths: Tensor, texts: list[str]) -> Tensor:
    """-log P(text) of each line, float (B,)."""
    targets = torch.tensor([SYMBOLS.index(symbol) for text in texts for symbol in text])
    target_lengths = torch.tensor([len(text) for text in texts])
    log_probs = logits.float().log_softmax(2).transpose(0, 1)  # (T, B, symbols and blank)
    if log_probs.device.type == "mps":  # PyTorch has no CTC there
        log_probs = log_probs.cpu()
    targets = targets.to(log_probs.device)
    return F.ctc_loss(log_probs, targets, lengths, target_lengths, BLANK, reduction="none", zero_infinity=True)


def decode_greedily(logits: Tensor, lengths: Tensor) -> Iterator[str]:
    """The symbols along each line's most probable path."""
    for path, length in zip(logits.argmax(2).cpu().numpy(), lengths.tolist(), strict=True):
        path = path[:length]
        shown = path[(path != BLANK) & (np.diff(path, prepend=BLANK) != 0)]
        yield "".join(SYMBOLS[index] for index in shown)


def count_correct(logits: Tensor, lengths: Tensor, texts: list[str]) -> int:
    """How many lines are read with all their digits right; marks may be wrong."""
    read = decode_greedily(logits, lengths)
    return sum(digits_of(symbols) == digits_of(text) for symbols, text in zip(read, texts, strict=True))


@torch.no_grad()
def validate_lines(network: Network, lines: Lines, batch_size: int, device: torch.device) -> tuple[float, float]:
    """(mean -log P(text), fraction of lines read without a mistake)."""
    network.eval()
    loss, correct = 0.0, 0
    order = np.argsort([image.shape[1] for image, _ in lines])
    for start in range(0, len(order), batch_size):
        batch = [lines[index] for index in order[start : start + batch_size]]
        images, lengths = pad_images([image for image, _ in batch])
        texts = [text for _, text in batch]
        logits = network(images.to(device))
        loss += ctc_loss(logits, lengths, texts).sum().item()
        correct += count_correct(logits, lengths, texts)
    return loss / len(lines), correct / len(lines)


def evaluate_lines(model: LineModel, lines: Lines) -> LineEvaluation:
    """The exported model on lines: accuracy, digit error rate, and a calibration fitted to these lines."""
    texts, log_probs = [], []
    for image, _ in lines:
        digits, log_prob, _ = model.decode(image)
        texts.append("".join(map(str, digits)))
        log_probs.append(log_prob)
    truths = [digits_of(truth) for _, truth in lines]
    right = np.array([text == truth for text, truth in zip(texts, truths, strict=True)])
    slope, offset = fit_calibration(np.array(log_probs), right)
    confidences = np.array([calibrate(log_prob, slope, offset) for log_prob in log_probs])
    digit_count = sum(map(len, truths))
    errors = sum(edit_distance(text, truth) for text, truth in zip(texts, truths, strict=True))
    n, correct = len(lines), int(right.sum())
    metrics = {
        "n": n,
        "errors": n - correct,
        "accuracy": correct / n,
        "accuracy_interval": list(wilson_interval(correct, n)),
        "digits": digit_count,
        "digit_error_rate": errors / digit_count,
        "calibration_error": calibration_error(reliability_bins(confidences, right)),
        "calibration": [slope, offset],
    }
    return LineEvaluation(lines, texts, metrics)


def fit_calibration(log_probs: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """(slope, offset) that turn a text's log odds into how often such texts are right (Platt 1999).

    log_probs: log P(text), float (N,). Newton's method on the logistic likelihood, with slight weight decay towards
    (1, 0), in case all texts are right.
    """
    odds = np.array([calibrate(log_prob, 1.0, 0.0) for log_prob in log_probs])
    x = np.stack([np.log(odds / (1 - odds)), np.ones(len(odds))], axis=1)  # (N, 2)
    weights = prior = np.array([1.0, 0.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (right - p) - (weights - prior)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.eye(2)
        weights = weights + np.linalg.solve(hessian, gradient)
    slope, offset = (round(float(weight), 4) for weight in weights)
    return slope, offset


def edit_distance(first: str, second: str) -> int:
    """The fewest insertions, deletions and substitutions between two texts (Levenshtein 1966)."""
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(second, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]
