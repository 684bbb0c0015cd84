"""Keras' own MNIST convnet example, from its description: conv 32, pool, conv 64, pool, dropout 0.5, 10.

    python keras_convnet.py MNIST.npz SEED EPOCHS

Adam, batches of 128, pixels by 255; without its validation split, so that it sees all rows as the others do. Runs in an
environment of its own, without tenfold. Prints one JSON line.
"""

import json
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

data, seed, epochs = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

start = time.perf_counter()
keras.utils.set_random_seed(seed)
images = data["x_train"][..., None].astype("float32") / 255  # (N, 28, 28, 1)
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(images, keras.utils.to_categorical(data["y_train"], 10), batch_size=128, epochs=epochs, verbose=0)
seconds = time.perf_counter() - start

predictions = model.predict(data["x_test"][..., None].astype("float32") / 255, verbose=0).argmax(1)
print(
    json.dumps(
        {
            "seconds": seconds,
            "errors": int((predictions != data["y_test"]).sum()),
            "parameters": model.count_params(),
            "versions": f"Keras {keras.__version__}, TensorFlow {tf.__version__}",
        }
    )
)
