"""The models of five write-ups on Kaggle's Digit Recognizer, as recipes.

Where a write-up gives no settings, Keras' defaults are used: RMSprop with rho 0.9 at 1e-3, Adam at 1e-3.
"""

from tenfold.recipes.networks import MLP, PlainCNN
from tenfold.recipes.schema import Augment, Entry, Optimizer, Plateau, Recipe

ADAM = Optimizer(name="adam", lr=1e-3)
RMSPROP = Optimizer(name="rmsprop", lr=1e-3, alpha=0.9)
AUGMENT = Augment(rotation=10, zoom=0.1, translation=0.1)

CNN_635K = Entry(
    Recipe(
        name="cnn-635k",
        net=PlainCNN(
            filters=(32, 32, 64, 64),
            kernel_sizes=(5, 3, 5, 3),
            padding=("valid", "same", "valid", "same"),
            dropout=0.2,
            dense=(519,),
            dense_dropout=0.5,
        ),
        optimizer=ADAM,
        schedule=Plateau(monitor="accuracy", patience=1, factor=0.5, min_lr=1e-7),
        augment=AUGMENT,
        batch_size=64,
        epochs=30,
        validation_split=0.1,
        checkpoint="best",
    ),
    source="Arruda 2018, “How to get top 2% position on Kaggle's MNIST”",
    duration="25 min",
    published="leaderboard 0.9969",
    reproduced="validation 0.9961, test 0.9951 (n = 3)",
    description="The write-up shows its program only in pictures; the layers, sizes and rates are the author's. "
    "Validation images are not augmented here.",
)

SIX_CONV = Entry(
    Recipe(
        name="six-conv",
        normalize="standardize_per_pixel",
        net=PlainCNN(
            filters=(32, 32, 64, 32, 64, 64),
            kernel_sizes=(3,),
            padding=("same", "valid", "same", "valid", "same", "valid"),
            dropout=0.25,
            dense=(256,),
            dense_dropout=0.5,
        ),
        optimizer=RMSPROP,
        schedule=Plateau(monitor="loss", patience=10, factor=0.1),
        augment=AUGMENT,
        batch_size=32,
        epochs=50,
        validation_split=0.05,
        checkpoint="best",
    ),
    source="a write-up of six convolutions with Keras' image generator",
    duration="50 min",
    published="leaderboard “upwards of 99 %”",
    reproduced="validation 0.9926, test 0.9891 (n = 2)",
    description="Not given and chosen here: the first dense layer (256), the dropout rates, the augmentation ranges; "
    "the plateau has Keras' defaults. Mistakes not repeated: the labels were standardized like pixels before being "
    "one-hot encoded, the test images were not normalized though the network had learned standardized ones, and the "
    "submission had no header line. Each pixel's mean and deviation (at least 1e-6) are part of the model; the result "
    "is clipped to ±10, because ink that augmentation moves to the always black border would become values of 100 "
    "million.",
)

CNN_887K = Entry(
    Recipe(
        name="cnn-887k",
        net=PlainCNN(
            filters=(32, 32, 64, 64),
            kernel_sizes=(5, 5, 3, 3),
            padding=("same",),
            dropout=0.25,
            dense=(256,),
            dense_dropout=0.5,
        ),
        optimizer=RMSPROP,
        schedule=Plateau(monitor="accuracy", patience=3, factor=0.5, min_lr=1e-5),
        augment=AUGMENT,
        batch_size=86,
        epochs=30,
        validation_split=0.1,
        checkpoint="last",
    ),
    source="a five-layer Keras CNN of 887,530 parameters, June 2017 (rank 426 of 2,255)",
    duration="12 min",
    published="leaderboard 0.995, validation 0.9948",
    reproduced="validation 0.9955, test 0.9951 (n = 1)",
    description="The write-up's layer table gives every size; a test checks the parameter count.",
)


def _dense(name: str, dense: tuple[int, ...], dropout: float, duration: str, reproduced: str) -> Entry:
    return Entry(
        Recipe(
            name=name,
            net=MLP(dense=dense, dense_dropout=dropout),
            optimizer=ADAM,
            batch_size=32,
            epochs=20,
            validation_split=10_000,
        ),
        source="“Deep Learning - Digit recognizer for MNIST - part 1”, dense networks of growing size",
        duration=duration,
        published="the largest: train 0.9915, validation 0.9774, leaderboard 0.977",
        reproduced=reproduced,
        description="Given: batch size 32, 32,000 training and 10,000 validation samples, dropout in the largest. Not "
        "given and chosen here: widths, depths, Adam at 1e-3, 20 epochs.",
    )


DENSE_S = _dense("dense-s", (32,), 0, "10 s", "validation 0.9594, test 0.9599 (n = 3)")
DENSE_M = _dense("dense-m", (128,), 0, "15 s", "validation 0.9715, test 0.9720 (n = 3)")
DENSE_L = _dense("dense-l", (256, 128), 0, "1 min", "validation 0.9727, test 0.9720 (n = 3)")
DENSE_XL = _dense("dense-xl", (512, 256, 128), 0, "1 min", "validation 0.9739, test 0.9726 (n = 3)")
DENSE_XXL = _dense("dense-xxl", (1024, 512, 256), 0.3, "2 min", "validation 0.9763, test 0.9756 (n = 3)")

DENSE_128 = Entry(
    Recipe(
        name="dense-128",
        normalize="l2_columns",
        net=MLP(dense=(128, 128)),
        optimizer=ADAM,
        batch_size=32,
        epochs=10,
        validation_split=0.3,
        seed=42,
    ),
    source="“Hand Written Digit Recognizer (MNIST)”, a logbook",
    duration="15 s",
    published="train ~0.99, validation 0.9662 (loss 0.1418), leaderboard “just over 82 %”",
    reproduced="validation 0.9673, test 0.9664 (n = 3)",
    description="Normalized along axis 1 of (n, 28, 28, 1): each column of an image has L2 norm 1. Mistake not "
    "repeated: the text shows no such normalization of the test images; here it is part of the model.",
)

WRITE_UPS = (CNN_635K, SIX_CONV, CNN_887K, DENSE_S, DENSE_M, DENSE_L, DENSE_XL, DENSE_XXL, DENSE_128)
