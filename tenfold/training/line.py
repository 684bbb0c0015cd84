"""The training of a network that reads whole rows: compose rows, show them, CTC; read from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tenfold.data.dataset import Dataset
from tenfold.nets import Network
from tenfold.nets.line import BLANK, STEP
from tenfold.recipes.schema import LineNet, Recipe
from tenfold.run import Run
from tenfold.synthesis.lines import Workshop
from tenfold.synthesis.stock import Stock
from tenfold.training import checkpoint
from tenfold.training.augment import augmented
from tenfold.training.device import denormals_flushed
from tenfold.training.fit import CHECKPOINT_SECONDS, Fitted, Watcher, done, learning_rate, refuse_divergence
from tenfold.training.learner import Learner
from tenfold.training.randomness import derived_seed, seed_step
from tenfold.vision.strip import HEIGHT, strip

Lines = list[tuple[NDArray[np.uint8], str]]  # strips (32, W) with their digits

HELD_OUT_LINES = 2000
WIDTHS = 32  # batches are padded to a multiple of this: few shapes, which are quicker than many
WIDEST = 640
NEIGHBOURS = 16  # batches' worth of rows among which rows of like width find each other
WORKSHOP, HELD_OUT = -2, -3  # steps that no training has, to derive seeds of their own


@denormals_flushed()
def fit_lines(
    recipe: Recipe, train: Dataset, held_out: Dataset | None, run: Run, device: torch.device, watcher: Watcher
) -> Fitted:
    """Train as `recipe` says, from the run's checkpoint where there is one; as `fit` does for single digits.

    The figures of history.csv count rows: one is right where all of its digits are.
    """
    assert isinstance(recipe.net, LineNet)
    workshop = Workshop.of(Stock.of(train), np.random.default_rng(derived_seed(recipe.seed, 0, WORKSHOP)))
    held_lines = lines_held_out(recipe, held_out) if held_out else []
    learner = Learner(recipe, torch.zeros(1, HEIGHT, HEIGHT, device=device))
    state = learner.state
    last, best = run.checkpoints / "last.safetensors", run.checkpoints / "best.safetensors"
    if last.exists():
        learner.restore(last)
        state = learner.state
    state.precision = "float32"

    while not done(recipe, state):
        if not train_epoch(recipe, learner, workshop, run, watcher):
            break
        refuse_divergence(recipe, learner)
        row = {
            "epoch": state.epoch + 1,
            "step": (state.epoch + 1) * state.step,
            "learning_rate": learning_rate(recipe, state, state.step - 1, state.step),
            "train_loss": learner.loss_sum.item() / state.images,
            "train_accuracy": learner.correct.item() / state.images,
        }
        if held_lines:
            loss, accuracy = score_lines(learner.scored(), held_lines, recipe.batch, device)
            better = accuracy > state.best_accuracy
            if better:
                state.best_accuracy, state.best_epoch = accuracy, state.epoch + 1
                checkpoint.save_weights(best, learner.scored())
            row |= {"val_loss": loss, "val_accuracy": accuracy, "best": int(better)}
        state.epoch += 1
        state.history.append(row | {"seconds": state.seconds})
        learner.begin_epoch()
        learner.save(last)
        run.write_history(state.history)
        watcher.epoch(state)
        if watcher.stop():
            break

    run.write_history(state.history)
    network = learner.scored().cpu().eval()
    if recipe.keep == "best" and state.best_epoch:
        network.load_state_dict(checkpoint.load_weights(best))
    shown = state.epoch * recipe.net.lines * recipe.net.passes + state.images
    return Fitted(network, state, shown, done(recipe, state))


def train_epoch(recipe: Recipe, learner: Learner, workshop: Workshop, run: Run, watcher: Watcher) -> bool:
    """The rest of the present epoch; False if the watcher ended it before, with a checkpoint saved."""
    assert isinstance(recipe.net, LineNet)
    network, optimiser, state = learner.network, learner.optimiser, learner.state
    device = learner.loss_sum.device
    before, began = state.seconds, time.monotonic()
    saved = began
    draw = np.random.default_rng(derived_seed(recipe.seed, state.epoch, -1))
    lines = composed(workshop, recipe.net.lines, draw)
    batches = [rows for _ in range(recipe.net.passes) for rows in batches_of_like_width(lines, recipe.batch, draw)]
    network.train()
    while state.step < len(batches):
        seed_step(recipe.seed, state.epoch, state.step, device)
        rows = batches[state.step]
        strips, widths = stacked([lines[row][0] for row in rows])
        texts = [lines[row][1] for row in rows]
        pixels = changed(strips.to(device).float(), recipe)  # (B, 32, W)
        logits = network(pixels)  # (B, W / 2, 11)
        loss = ctc(logits, widths, texts).mean()

        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, state, state.step, len(batches))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        if learner.average:
            learner.average.update(network, state.epoch * len(batches) + state.step)

        learner.loss_sum += loss.detach() * len(rows)
        learner.correct += sum(map(str.__eq__, texts, best_paths(logits.detach(), widths)))
        state.step += 1
        state.images += len(rows)
        now = time.monotonic()
        state.seconds = before + now - began
        watcher.step(state, len(batches))
        stop = watcher.stop()
        if stop or now - saved > CHECKPOINT_SECONDS:
            learner.save(run.checkpoints / "last.safetensors")
            saved = now
        if stop:
            return False
    return True


def composed(workshop: Workshop, count: int, draw: np.random.Generator) -> Lines:
    """New rows as the network sees them, none wider than `WIDEST`."""
    lines: Lines = []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # pictures this small are drawn faster by one
    while len(lines) < count:
        picture, text = workshop.line(draw)
        seen = strip(picture)
        if STEP * 2 * len(text) < seen.shape[1] <= WIDEST:
            lines.append((seen, text))
    cv2.setNumThreads(threads)
    return lines


def lines_held_out(recipe: Recipe, held_out: Dataset) -> Lines:
    """Rows to measure with, of digits and papers that no training row shows."""
    draw = np.random.default_rng(derived_seed(recipe.seed, 0, HELD_OUT))
    return composed(Workshop.of(Stock.of(held_out), draw), HELD_OUT_LINES, draw)


def batches_of_like_width(lines: Lines, batch: int, draw: np.random.Generator) -> list[NDArray[np.intp]]:
    """All rows once, in batches whose rows are about as wide as each other, in random order."""
    order = draw.permutation(len(lines))
    widths = np.array([strip.shape[1] for strip, _ in lines])
    batches = []
    for start in range(0, len(order), batch * NEIGHBOURS):
        part = order[start : start + batch * NEIGHBOURS]
        part = part[widths[part].argsort(kind="stable")]
        batches += [part[i : i + batch] for i in range(0, len(part), batch)]
    return [batches[i] for i in draw.permutation(len(batches))]


def stacked(strips: list[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
    """Strips padded with black to one width, uint8 (B, 32, W), and how many answers each one gets, int64 (B,)."""
    widest = max(each.shape[1] for each in strips)
    batch = np.zeros((len(strips), HEIGHT, -(-widest // WIDTHS) * WIDTHS), np.uint8)
    for i, each in enumerate(strips):
        batch[i, :, : each.shape[1]] = each
    return torch.from_numpy(batch), torch.tensor([-(-each.shape[1] // (2 * STEP)) * 2 for each in strips])


def changed(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Each strip a little zoomed and shifted, its faint parts a little fainter or stronger."""
    if not recipe.augment.active:
        return pixels
    power = torch.exp(torch.randn(len(pixels), 1, 1, device=pixels.device) * 0.2)
    return augmented((pixels / 255).pow(power) * 255, recipe.augment)


def ctc(logits: Tensor, widths: Tensor, texts: list[str]) -> Tensor:
    """-log P(text) of each row, float (B,)."""
    targets = torch.tensor([int(digit) for text in texts for digit in text])
    lengths = torch.tensor([len(text) for text in texts])
    steps = logits.float().log_softmax(2).transpose(0, 1)  # (T, B, 11)
    return F.ctc_loss(steps, targets.to(logits.device), widths, lengths, BLANK, reduction="none", zero_infinity=True)


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
