"""To learn to read whole rows: compose rows, show them, CTC."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tenfold.data.dataset import Dataset
from tenfold.nets import Network
from tenfold.nets.ctc import BLANK, STEP
from tenfold.ocr.line_model import LINE_HEIGHT, normalize_line
from tenfold.recipes.networks import CTC
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.synthesis.augment import augment_images
from tenfold.synthesis.lines.generator import LineGenerator
from tenfold.synthesis.lines.glyph_bank import GlyphBank
from tenfold.training.cuda_graph import Batch
from tenfold.training.device import autocast, choose_precision
from tenfold.training.loop import Fitted, Step, Watcher, begun, learn
from tenfold.training.randomness import derived_seed
from tenfold.training.state import State

Lines = list[tuple[NDArray[np.uint8], str]]  # strips (32, W) with their digits

HELD_OUT_LINES = 2000
WIDTHS = 32  # batches are padded to a multiple of this: few shapes, which are quicker than many
USUAL, WIDEST = 192, 640  # of a row that is composed
NEIGHBORS = 16  # batches' worth of rows among which rows of like width find each other
WORKSHOP, HELD_OUT = -2, -3  # steps that no training has, to derive seeds of their own


def fit_lines(
    recipe: Recipe, train: Dataset, held_out: Dataset | None, run: Run, device: torch.device, watcher: Watcher
) -> Fitted:
    """Train as `recipe` says, from the run's checkpoint where there is one; as `fit` does for single digits.

    The figures of history.csv count rows: one is right where all of its digits are.
    """
    task = WholeRows(recipe, train, held_out, device)
    learner = begun(recipe, torch.zeros(1, LINE_HEIGHT, LINE_HEIGHT, device=device), run)
    state, shape = learner.state, (recipe.batch_size, LINE_HEIGHT, USUAL)
    state.precision = state.precision or choose_precision(learner.network, recipe, shape, device)
    return learn(
        recipe, learner, task, run, watcher, shown_an_epoch=task.net.lines_per_epoch * task.net.passes_per_epoch
    )


class WholeRows:
    """The task: rows composed anew for each epoch and gone through several times."""

    largest_gradient = 5.0

    def __init__(self, recipe: Recipe, train: Dataset, held_out: Dataset | None, device: torch.device) -> None:
        assert isinstance(recipe.net, CTC)
        self.recipe, self.net, self.device = recipe, recipe.net, device
        self.generator = LineGenerator.create(
            GlyphBank.from_dataset(train), np.random.default_rng(derived_seed(recipe.seed, 0, WORKSHOP))
        )
        self.held_lines = lines_held_out(recipe, held_out) if held_out else []

    def begin(self, epoch: int) -> int:
        draw = np.random.default_rng(derived_seed(self.recipe.seed, epoch, -1))
        self.lines = composed(self.generator, self.net.lines_per_epoch, draw)
        passes = [
            batches_of_like_width(self.lines, self.recipe.batch_size, draw) for _ in range(self.net.passes_per_epoch)
        ]
        self.batches = [rows for batches in passes for rows in batches]
        return len(self.batches)

    def batch(self, state: State, steps: int) -> Batch:
        return Batch(torch.tensor(self.batches[state.step]))

    def step(self, network: Network, batch: Batch, precision: str) -> Step:
        lines = [self.lines[row] for row in batch.rows]
        strips, widths = stacked([line[0] for line in lines])
        texts = [line[1] for line in lines]
        with autocast(self.device, precision):
            logits = network(changed(strips.to(self.device).float(), self.recipe))  # (B, 32, W) -> (B, W / 2, 11)
        loss = ctc(logits, widths, texts).mean()
        return Step(loss, sum(map(str.__eq__, texts, best_paths(logits.detach(), widths))))

    def score(self, network: Network, state: State) -> tuple[float, float] | None:
        return score_lines(network, self.held_lines, self.recipe.batch_size, self.device) if self.held_lines else None


def composed(generator: LineGenerator, count: int, draw: np.random.Generator) -> Lines:
    """New rows as the network sees them, none wider than `WIDEST`."""
    lines: Lines = []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # pictures this small are drawn faster by one
    while len(lines) < count:
        picture, text = generator.generate(draw)
        seen = normalize_line(picture)
        if STEP * 2 * len(text) < seen.shape[1] <= WIDEST:
            lines.append((seen, text))
    cv2.setNumThreads(threads)
    return lines


def lines_held_out(recipe: Recipe, held_out: Dataset) -> Lines:
    """Rows to measure with, of digits and papers that no training row shows."""
    draw = np.random.default_rng(derived_seed(recipe.seed, 0, HELD_OUT))
    return composed(LineGenerator.create(GlyphBank.from_dataset(held_out), draw), HELD_OUT_LINES, draw)


def batches_of_like_width(lines: Lines, batch: int, draw: np.random.Generator) -> list[NDArray[np.intp]]:
    """All rows once, in batches whose rows are about as wide as each other, in random order."""
    order = draw.permutation(len(lines))
    widths = np.array([strip.shape[1] for strip, _ in lines])
    batches = []
    for start in range(0, len(order), batch * NEIGHBORS):
        part = order[start : start + batch * NEIGHBORS]
        part = part[widths[part].argsort(kind="stable")]
        batches += [part[i : i + batch] for i in range(0, len(part), batch)]
    return [batches[i] for i in draw.permutation(len(batches))]


def stacked(strips: list[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
    """Strips padded with black to one width, uint8 (B, 32, W), and how many answers each one gets, int64 (B,)."""
    widest = max(each.shape[1] for each in strips)
    batch = np.zeros((len(strips), LINE_HEIGHT, -(-widest // WIDTHS) * WIDTHS), np.uint8)
    for i, each in enumerate(strips):
        batch[i, :, : each.shape[1]] = each
    return torch.from_numpy(batch), torch.tensor([-(-each.shape[1] // (2 * STEP)) * 2 for each in strips])


def changed(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Each strip a little zoomed and shifted, its faint parts a little fainter or stronger."""
    if not recipe.augment.active:
        return pixels
    power = torch.exp(torch.randn(len(pixels), 1, 1, device=pixels.device) * 0.2)
    return augment_images((pixels / 255).pow(power) * 255, recipe.augment)


def ctc(logits: Tensor, widths: Tensor, texts: list[str]) -> Tensor:
    """-log P(text) of each row, float (B,)."""
    targets = torch.tensor([int(digit) for text in texts for digit in text])
    lengths = torch.tensor([len(text) for text in texts])
    steps = logits.float().log_softmax(2).transpose(0, 1)  # (T, B, 11)
    if steps.device.type == "mps":  # PyTorch has no CTC there
        steps = steps.cpu()
    return F.ctc_loss(steps, targets.to(steps.device), widths, lengths, BLANK, reduction="none", zero_infinity=True)


def best_paths(logits: Tensor, widths: Tensor) -> Iterator[str]:
    """The digits along each row's likeliest path."""
    for path, width in zip(logits.argmax(2).cpu().numpy(), widths.tolist(), strict=True):
        path = path[:width]
        kept = path[(path != BLANK) & (np.diff(path, prepend=BLANK) != 0)]
        yield "".join(map(str, kept))


@torch.no_grad()
def score_lines(network: Network, lines: Lines, batch: int, device: torch.device) -> tuple[float, float]:
    """(mean -log P(text), share of rows that are all right)."""
    network.eval()
    loss, correct = 0.0, 0
    order = np.argsort([strip.shape[1] for strip, _ in lines])
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        strips, widths = stacked([lines[row][0] for row in rows])
        texts = [lines[row][1] for row in rows]
        logits = network(strips.to(device))
        loss += ctc(logits, widths, texts).sum().item()
        correct += sum(map(str.__eq__, texts, best_paths(logits, widths)))
    return loss / len(lines), correct / len(lines)
