"""The peer with micro-batching: LitServe, as its documentation has it.

    MODEL=digits.onnx python serving_litserve.py PORT

A PNG comes as base64 in JSON, for LitServe reads no raw bodies.
"""

import base64
import io
import os
import sys

import litserve
import numpy as np
import onnxruntime
from PIL import Image


class Digits(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        self.input = self.session.get_inputs()[0].name

    def decode_request(self, request):
        if "png" in request:
            return np.asarray(Image.open(io.BytesIO(base64.b64decode(request["png"]))).convert("L"))
        return np.array(request["images"][0], np.uint8)

    def predict(self, images):
        return self.session.run(["probabilities"], {self.input: images})[0]

    def encode_response(self, probabilities):
        return {"digits": [int(probabilities.argmax())], "probabilities": [probabilities.tolist()]}


if __name__ == "__main__":
    api = Digits(max_batch_size=64, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=30, fast_queue=True)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", log_level="warning", generate_client_file=False)
