"""An exported model in 8 bits: a quarter of the size, and 1.5 to 2.4 times as quick with avx512_vnni."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from tenfold.export.quiet import quiet
from tenfold.files import write_bytes
from tenfold.images import Images

DENSE = ["Gemm", "MatMul"]  # whose outputs stay as they are: steps of a logit would be steps of probability
LAYERS = ["Conv", "Relu", "MaxPool", "Transpose", "Reshape", *DENSE]
SAMPLE, BATCH = 1000, 100  # images that the ranges of activations are taken from, and how many at a time


def quantize(path: Path, images: Images) -> None:
    """Rewrite the ONNX file at `path` with weights and activations of 8 bits, scaled as `images` (N, 28, 28) need it.

    Weights have a scale for each filter and use 7 of the 8 bits: processors without instructions for it would
    overflow in sums of two products of all 8 (Jacob et al., "Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference", 2018, is the method; ONNX Runtime does it).
    """
    metadata = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    with tempfile.TemporaryDirectory() as folder, quiet():
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "small.onnx"
        quant_pre_process(path, plain, skip_symbolic_shape=True)
        quantize_static(
            plain,
            small,
            _Sample(images),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=LAYERS,
            extra_options={"OpTypesToExcludeOutputQuantization": DENSE},
        )
        model = onnx.load(small)
    # The tools leave shapes and the names of operator sets that nothing here uses.
    del model.graph.value_info[:]
    own = [operators for operators in model.opset_import if not operators.domain]
    del model.opset_import[:]
    model.opset_import.extend(own)
    model.producer_name, model.producer_version = "tenfold", ""
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())


class _Sample(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    """Some of `images`, from all over them."""

    def __init__(self, images: Images) -> None:
        rows = np.random.default_rng(0).permutation(len(images))[:SAMPLE]  # a stride might meet the same digits only
        sample = images[np.sort(rows)]
        self._batches = iter(np.ascontiguousarray(sample[i : i + BATCH]) for i in range(0, len(sample), BATCH))

    def get_next(self) -> dict[str, Images] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}
