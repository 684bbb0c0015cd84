"""Models load in the oldest ONNX Runtime that their card names; `make old-runtime` installs it."""

import os
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tenfold.export.onnx import OLDEST_RUNTIME, export
from tenfold.export.quantize import quantize
from tenfold.nets import build
from tenfold.recipes import RECIPES
from tenfold.weights import read_weights

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("TENFOLD_OLD_RUNTIME", ROOT / ".venv-old-runtime" / "bin" / "python"))
SCRIPT = """
import sys
import numpy as np, onnxruntime
for path in sys.argv[1:]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    np.savez(path + ".outputs.npz", *session.run(None, {name: np.load(path + ".npy")}))
print(onnxruntime.__version__)
"""


@pytest.mark.skipif(not PYTHON.exists(), reason=f"{PYTHON} is missing; `make old-runtime` installs it")
def test_models_of_all_recipes_and_the_bundled_ones_load_in_the_oldest_runtime(tmp_path, make_digits):
    images = make_digits(20).images
    strips = np.pad(images, ((0, 0), (2, 2), (0, 0)))
    paths = []
    for name, entry in RECIPES.items():
        paths.append(tmp_path / f"{name}.onnx")
        export(build(entry.recipe, torch.tensor(images)), paths[-1], {})
        if entry.recipe.int8:
            quantize(paths[-1], images)
        is_line = entry.recipe.net.kind == "ctc"
        np.save(f"{paths[-1]}.npy", strips if is_line else images)
    for name, inputs in (("digits", images), ("line", strips)):
        paths.append(tmp_path / f"bundled-{name}.onnx")
        paths[-1].write_bytes(read_weights(name))
        np.save(f"{paths[-1]}.npy", inputs)
    done = subprocess.run([PYTHON, "-c", SCRIPT, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{OLDEST_RUNTIME}.")
    for path in paths:
        session = onnxruntime.InferenceSession(path)
        expected = session.run(None, {session.get_inputs()[0].name: np.load(f"{path}.npy")})
        with np.load(f"{path}.outputs.npz") as outputs:
            for output, array in zip(outputs.values(), expected, strict=True):
                np.testing.assert_allclose(output, array, atol=1e-4)
