"""The network of `cnn-887k` in Keras 3 on TensorFlow, as its users write it: arrays in memory and `model.fit`.

    python keras_cnn.py DATA.npz plain|augmented|bfloat16|xla

plain      without augmentation
augmented  with the preprocessing layers of Keras 3 in the model, the first of the two ways its guide shows. The
           write-ups used ImageDataGenerator, which Keras 3 keeps as legacy only and which needs SciPy to turn an image.
bfloat16   without augmentation, under Keras' policy mixed_bfloat16
xla        without augmentation, compiled with jit_compile=True; by default Keras leaves XLA off on a CPU

DATA.npz: images uint8 (N, 28, 28), labels uint8 (N,). Runs in an environment of its own, without tenfold.
"""

import os
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from rounds import next_turn, say

BATCH = 86


def network(augment: bool) -> keras.Sequential:
    changes = [
        layers.RandomRotation(10 / 360, fill_mode="constant"),
        layers.RandomZoom(0.1, 0.1, fill_mode="constant"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),
    ]
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(changes if augment else []),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


class Stopwatch(keras.callbacks.Callback):
    """Seconds of an epoch alone: what fit does before it is not counted against Keras."""

    seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds = time.perf_counter() - self.start


data, variant = np.load(sys.argv[1]), sys.argv[2]
images = data["images"][..., None].astype("float32") / 255  # (N, 28, 28, 1)
labels = keras.utils.to_categorical(data["labels"], 10)  # (N, 10)

if variant == "bfloat16":
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
model = network(augment=variant == "augmented")
model.compile(
    keras.optimizers.RMSprop(1e-3),
    loss="categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=True if variant == "xla" else "auto",
)
stopwatch = Stopwatch()

say(
    {
        "versions": f"Keras {keras.__version__}, TensorFlow {tf.__version__}",
        # 0 is TensorFlow's word for one thread a core.
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count(),
        "parameters": model.count_params(),
    }
)
while batches := next_turn():
    n = batches * BATCH
    model.fit(images[:n], labels[:n], batch_size=BATCH, verbose=0, callbacks=[stopwatch])
    say(stopwatch.seconds)
