"""The peer that one writes in ten minutes: FastAPI, PIL, ONNX Runtime, one call of the model a request.

MODEL=digits.onnx uvicorn serving_fastapi:app
"""

import io
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request
from PIL import Image
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # faster here than the default, a thread a core
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
app = FastAPI()


class Images(BaseModel):
    images: list[list[list[int]]]


def answer(images: np.ndarray) -> dict:
    probabilities = session.run(["probabilities"], {session.get_inputs()[0].name: images})[0]
    return {"digits": probabilities.argmax(axis=1).tolist(), "probabilities": probabilities.tolist()}


@app.post("/png")
async def png(request: Request) -> dict:
    return answer(np.asarray(Image.open(io.BytesIO(await request.body())).convert("L"))[None])


@app.post("/array")
async def array(body: Images) -> dict:
    return answer(np.array(body.images, np.uint8))
