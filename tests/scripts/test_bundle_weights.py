import json

import numpy as np
import onnx
import torch

import tenfold.weights
from scripts.bundle_weights import main, to_float16
from tenfold.export.onnx import export
from tenfold.model import Model
from tenfold.nets import build

NET = {"kind": "cnn", "stem_filters": 8, "filters": [16, 32], "depth": 2}


def test_halved_weights_give_nearly_the_same_probabilities(make_recipe, make_digits, tmp_path, monkeypatch, capsys):
    network = build(make_recipe(net=NET, synthesis={"negatives": 1.0}))
    file = tmp_path / "model.onnx"
    export(network, file, {"recipe": "kept"})
    small = to_float16(onnx.load(file)).SerializeToString()
    weights = sum(tensor.numel() for tensor in network.parameters())
    assert len(file.read_bytes()) - len(small) > 1.8 * weights
    images = make_digits(50).images
    first, second = Model(file.read_bytes()), Model(small)
    assert np.abs(first.predict_proba(images) - second.predict_proba(images)).max() < 2e-3
    assert np.abs(first.digitness(images) - second.digitness(images)).max() < 2e-3
    assert second.metadata == {"recipe": "kept"}
    monkeypatch.setattr(tenfold.weights, "__path__", [str(tmp_path)])
    main(["digits", "--run", str(tmp_path)])
    stored = tmp_path / "digits.onnx"
    assert f"{stored.stat().st_size:,} bytes" in capsys.readouterr().out
    bundled = Model(stored.read_bytes())
    assert json.loads(bundled.metadata["recipe"])["name"] == "robust"
    np.testing.assert_array_equal(bundled.predict_proba(images), second.predict_proba(images))
    torch.testing.assert_close(torch.tensor(second.predict_proba(images)).sum(1), torch.ones(50), rtol=1e-5, atol=1e-5)
