import pytest

from tenfold.nets import build, parameter_count
from tenfold.recipes import find


@pytest.mark.parametrize("recipe", ["cnn-887k", "line", "ensemble"])
def test_summary_of_a_recipe_counts_its_parameters(run_cli, recipe):
    document = run_cli("summary", recipe, "--json").document
    assert document["parameters"] == parameter_count(build(find(recipe).recipe))


def test_summary_prints_the_layer_table(run_cli):
    result = run_cli("summary", "cnn-887k")
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[0] == ["layer", "kind", "output", "parameters"]
    assert any(line[1:] == ["Linear", "256", "803,072"] for line in lines)
    assert result.out.endswith("887,530 parameters\n")


def test_summary_of_an_onnx_file_has_shapes_and_weights(run_cli, tmp_path):
    from tenfold.weights import read_weights

    (tmp_path / "model.onnx").write_bytes(read_weights("line"))
    document = run_cli("summary", tmp_path / "model.onnx", "--json").document
    assert document["layers"][0]["kind"] == "Cast"
    assert document["parameters"] > 400_000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.onnx", "missing.onnx: No such file or directory; expected an .onnx file"),
        ("text.onnx", "text.onnx: expected an ONNX model, got something else"),
        ("slow", "unknown recipe 'slow'"),
        (".", "not a tenfold run folder: recipe.json is missing"),
    ],
)
def test_summary_of_something_else_is_refused(run_cli, tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.onnx").write_text("no model")
    result = run_cli("summary", name)
    assert result.code in (3, 5)
    assert message in result.err
