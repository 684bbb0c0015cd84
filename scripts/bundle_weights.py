"""Train the models in tenfold/weights and store them there.

    python scripts/bundle_weights.py digits                   # recipe robust: about an hour on two cores
    python scripts/bundle_weights.py line                     # recipe line: about an hour
    python scripts/bundle_weights.py digits --run runs/mine   # a finished run of the recipe
    python scripts/bundle_weights.py digits --metadata-only   # write the current recipe into the stored file

MNIST is downloaded once. An interrupted training is resumed by the same command. Afterwards, measure the new model and
bring tenfold/weights/README.md up to date: a test compares its checksum.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tenfold.weights
from tenfold.files import write_bytes
from tenfold.recipes import Recipe, find
from tenfold.run import Run
from tenfold.weights import pack_hashes, read_weights

RECIPES = {"digits": "robust", "line": "line"}
DATA = "mnist:train"
MIN_SIZE = 256  # smaller tensors stay float32


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    recipe = find(RECIPES[options.name]).recipe
    if options.metadata_only:
        model = onnx.load_from_string(read_weights(options.name))
    else:
        run = Run(options.run or Path("runs") / f"bundled-{options.name}")
        if options.run is None:
            train_or_resume(recipe.name, run)
        model = to_float16(onnx.load(run.model))
    set_recipe(model, recipe)
    file = Path(tenfold.weights.__path__[0]) / f"{options.name}.onnx"
    write_bytes(file, model.SerializeToString())
    print(f"{file}: {file.stat().st_size:,} bytes")
    if options.name == "digits" and not options.metadata_only and (hashes := run.read_image_hashes()) is not None:
        write_bytes(file.with_suffix(".seen"), pack_hashes(hashes))


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the models in tenfold/weights and store them there.")
    parser.add_argument("name", choices=RECIPES)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--run", type=Path, help="a finished run; default: train one, or resume its training")
    source.add_argument("--metadata-only", action="store_true", help="keep the stored model, write its recipe anew")
    return parser.parse_args(arguments)


def train_or_resume(recipe: str, run: Run) -> None:
    tenfold_train = [sys.executable, "-m", "tenfold", "train", DATA]
    start_or_resume = ["--resume"] if run.exists else ["--recipe", recipe]
    if not run.is_finished:
        subprocess.run([*tenfold_train, *start_or_resume, "--out", str(run.folder)], check=True)


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with its float32 weights stored as float16; 8-bit weights stay as they are.

    ONNX Runtime casts them to float32 when it loads the model, so inference is as fast as before. A weight changes by
    at most 1/2048 of itself, one below 0.00006 by at most 0.00000003.
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    casts = []
    for tensor in small.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < MIN_SIZE:
            continue
        name, half = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *small.graph.node]
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    onnx.checker.check_model(small)
    return small


def set_recipe(model: onnx.ModelProto, recipe: Recipe) -> None:
    """Write the recipe into the metadata; graph and weights stay as they are."""
    metadata = {prop.key: prop.value for prop in model.metadata_props}
    helper.set_model_props(model, metadata | {"recipe": recipe.model_dump_json()})


if __name__ == "__main__":
    main()
