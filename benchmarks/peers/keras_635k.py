"""`cnn-635k` in Keras, as its write-up trains it: Adam, ImageDataGenerator, a plateau on validation accuracy.

    python keras_635k.py DATA.npz SEED EPOCHS

DATA.npz: images uint8 (N, 28, 28) and labels uint8 (N,) under `images` and `labels` to train on, `held_images` and
`held_labels` to choose the best epoch's weights by, `test_images` to answer. Runs in an environment of its own, without
tenfold; Keras' generator needs SciPy to turn an image. Prints one JSON line.
"""

import json
import sys
import time

import keras
import numpy as np
from keras import layers
from keras.src.legacy.preprocessing.image import ImageDataGenerator

data, seed, epochs = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])


def pixels(images: np.ndarray) -> np.ndarray:
    return images[..., None].astype("float32") / 255  # (N, 28, 28, 1)


class Best(keras.callbacks.Callback):
    """Remembers the weights of the epoch with the highest validation accuracy."""

    accuracy, weights = 0.0, None

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        print(f"epoch {epoch + 1}: {logs['val_accuracy']:.4f}", file=sys.stderr, flush=True)
        if logs["val_accuracy"] > self.accuracy:
            self.accuracy, self.weights = logs["val_accuracy"], self.model.get_weights()


class Changed(keras.utils.PyDataset):
    """Batches of 64 from the generator, which Keras 3 takes only in this shape."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        super().__init__()
        generator = ImageDataGenerator(rotation_range=10, zoom_range=0.1, width_shift_range=0.1, height_shift_range=0.1)
        self.batches = generator.flow(images, labels, batch_size=64, seed=seed)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        return self.batches[number]

    def on_epoch_end(self) -> None:
        self.batches.on_epoch_end()


keras.utils.set_random_seed(seed)
model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 5, activation="relu"),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.2),
        layers.Conv2D(64, 5, activation="relu"),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(519, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])
start, best = time.perf_counter(), Best()
plateau = keras.callbacks.ReduceLROnPlateau(monitor="val_accuracy", patience=1, factor=0.5, min_lr=1e-7)
model.fit(
    Changed(pixels(data["images"]), keras.utils.to_categorical(data["labels"], 10)),
    epochs=epochs,
    validation_data=(pixels(data["held_images"]), keras.utils.to_categorical(data["held_labels"], 10)),
    callbacks=[plateau, best],
    verbose=0,
)
seconds = time.perf_counter() - start
model.set_weights(best.weights)
print(
    json.dumps(
        {
            "seconds": seconds,
            "validation_accuracy": best.accuracy,
            "predictions": model.predict(pixels(data["test_images"]), verbose=0).argmax(1).tolist(),
            "parameters": model.count_params(),
            "versions": f"Keras {keras.__version__}",
        }
    )
)
