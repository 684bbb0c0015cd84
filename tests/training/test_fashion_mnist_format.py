"""The recipes train on any ten classes of 28x28 images in one of the formats."""

import gzip
import struct

from tenfold.data import load_data
from tenfold.model import load_model
from tenfold.run import Run
from tenfold.training.train import train


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def test_train_on_fashion_mnist_format(tmp_path, make_digits, make_recipe, float32):
    for name, data in (("train", make_digits(300)), ("t10k", make_digits(100, seed=1))):
        write_idx(tmp_path / f"{name}-images-idx3-ubyte.gz", data.images)
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", data.labels)
    source = load_data(str(tmp_path))
    net = {"kind": "cnn", "stem_filters": 8, "filters": [8], "depth": 1, "padding": "valid", "head": "flatten"}
    run = Run(tmp_path / "run")
    train(make_recipe(net=net, epochs=4, augment={"translation": 0.02}), source.train, run)
    right = load_model(run.folder).predict(source.test.images) == source.test.labels
    assert right.mean() > 0.9
