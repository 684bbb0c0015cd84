"""Killed with SIGKILL and resumed, a run ends with the same bytes as one that was left alone.

A driver process trains one run itself and the others in children that it forks, so that PyTorch is imported once; one
thread, so that forking is safe.
"""

import csv
import hashlib
import json
import os
import subprocess
import sys
import textwrap

import pytest

DRIVER = textwrap.dedent('''
    """Trains the runs undisturbed, moments and renames in the given folder; prints how often each was killed."""
    import json, os, random, signal, sys, time
    from pathlib import Path

    import numpy as np
    import torch

    from tenfold.data.dataset import Dataset
    from tenfold.recipes.toml import from_dict
    from tenfold.run import Run
    from tenfold.training import loop
    from tenfold.training.callbacks import Callback
    from tenfold.training.train import train

    torch.set_num_threads(1)
    loop.CHECKPOINT_SECONDS = 0.02  # several in an epoch
    labels = (np.arange(300) % 10).astype(np.uint8)
    noise = np.random.default_rng(0)
    patterns = noise.integers(0, 200, (10, 28, 28))
    images = (patterns[labels] + noise.integers(0, 56, (300, 28, 28))).astype(np.uint8)
    data = Dataset(images, labels, "patterns")
    recipe = from_dict(
        {
            "name": "killed", "batch_size": 16, "epochs": 4, "validation_split": 0.2, "checkpoint": "best", "ema": 0.9,
            "normalize": "standardize_per_pixel", "label_smoothing": 0.1,
            "net": {"kind": "plain_cnn", "filters": [4, 8], "kernel_sizes": [3], "padding": ["same"], "dropout": 0.25},
            "optimizer": {"name": "rmsprop", "lr": 0.001, "alpha": 0.9},
            "schedule": {"kind": "plateau", "patience": 1},
            "augment": {"rotation": 10, "zoom": 0.1, "translation": 0.1},
        },
        "killed",
    )
    base = Path(sys.argv[1])

    class WriteSteps(Callback):
        """Writes a byte to a pipe after every step."""

        def __init__(self, pipe):
            self.pipe = pipe

        def on_step(self, state):
            os.write(self.pipe, b".")

    def run_training(name, pipe):
        train(recipe, data, Run(base / name), [WriteSteps(pipe)], device="cpu", precision="float32")

    def child(name, before=lambda: None):
        """Train in a child process; returns its id, and the pipe with a byte for every step."""
        reading, writing = os.pipe()
        number = os.fork()
        if number == 0:
            os.close(reading)
            try:
                before()
                run_training(name, writing)
                os._exit(0)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
        os.close(writing)
        return number, reading

    def ended(number):
        """Wait for the child; whether it exited by itself, and was not killed."""
        status = os.waitpid(number, 0)[1]
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, status
            return False
        assert os.WEXITSTATUS(status) == 0, "the child failed"
        return True

    def die_at_rename(n, after):
        """Kill this process at its n-th rename: a file is complete, and not yet or just in its place."""
        loop.CHECKPOINT_SECONDS = -1  # after every step, so that the number of renames does not depend on speed
        def replace(path, target, real=Path.replace, left=[n]):
            left[0] -= 1
            if left[0] == 0 and after:
                real(path, target)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(path, target)
        Path.replace = replace

    def at_random_moments():
        chance, kills = random.Random(0), 0
        while kills < 7:
            number, steps = child("moments")
            for _ in range(chance.randint(1, 8)):  # steps, not seconds: a fast machine must not finish first
                os.read(steps, 1)
            time.sleep(chance.uniform(0, 0.004))  # somewhere within a step
            os.kill(number, signal.SIGKILL)
            if ended(number):
                break
            os.close(steps)
            kills += 1
        return kills

    def at_renames():
        # The first ones write the record of the run, the next ones checkpoints and history, the late ones the results.
        kills = 0
        for n, after in ((1, False), (2, True), (4, False), (5, False), (6, True), (9, False), (12, True), (14, False)):
            number, steps = child("renames", lambda: die_at_rename(n, after))
            if ended(number):
                break
            os.close(steps)
            kills += 1
        return kills

    # In a child too: an ONNX session of the parent can't be collected in a fork of it, which lacks its threads.
    assert ended(child("undisturbed")[0])
    print(json.dumps({"moments": at_random_moments(), "renames": at_renames()}), flush=True)
    assert all([ended(child(name)[0]) for name in ("moments", "renames")])
''')


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder with the driver's three runs, and the number of kills of two of them."""
    base = tmp_path_factory.mktemp("killed")
    (base / "driver.py").write_text(DRIVER)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TENFOLD_CACHE": str(base / "cache")}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", base / "driver.py", base]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return base, json.loads(done.stdout)


def history(folder):
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.parametrize(("name", "at_least"), [("moments", 4), ("renames", 8)])
def test_killed_and_resumed_run_has_the_same_bytes(name, at_least, runs):
    base, kills = runs
    folder, undisturbed = base / name, base / "undisturbed"
    assert kills[name] >= at_least
    for file in ("model.safetensors", "model.onnx", "checkpoints/best.safetensors", "recipe.json", "image_hashes.npy"):
        assert (folder / file).read_bytes() == (undisturbed / file).read_bytes(), file
    assert history(folder) == history(undisturbed)
    listed = json.loads((folder / "manifest.json").read_text())["sha256"]
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert present == set(listed) | {"manifest.json"}, "no partial files are left"
    for file, digest in listed.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    assert set(listed) == set(json.loads((undisturbed / "manifest.json").read_text())["sha256"])
