"""Keras' `predict` with the 887,530-parameter network of `cnn-887k`: 28,000 images, and one.

python keras_predict.py ROUNDS        (in an environment of its own, without tenfold)
"""

import statistics
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 5, padding="same", activation="relu"),
        layers.Conv2D(32, 5, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
images = np.random.default_rng(0).random((28_000, 28, 28, 1), dtype=np.float32)


def seconds(n: int) -> float:
    start = time.perf_counter()
    model.predict(images[:n], batch_size=min(n, 1024), verbose=0)
    return time.perf_counter() - start


seconds(1024), seconds(1)
many = statistics.median(seconds(28_000) for _ in range(int(sys.argv[1])))
one = statistics.median(seconds(1) for _ in range(20))
print(
    f"peer: Keras {keras.__version__}, TensorFlow {tf.__version__}, predict of 887,530 parameters: "
    f"{28_000 / many:,.0f} images/s, one image {1000 * one:.0f} ms"
)
