"""The models of five write-ups on Kaggle's Digit Recognizer, as recipes.

Keras' defaults hold where a write-up is silent: RMSprop with rho 0.9 at 1e-3, Adam at 1e-3.
"""

from tenfold.recipes.catalog import Entry
from tenfold.recipes.schema import MLP, Augment, Optimizer, PlainCNN, Plateau, Recipe

ADAM = Optimizer(name="adam", lr=1e-3)
RMSPROP = Optimizer(name="rmsprop", lr=1e-3, smoothing=0.9)
ROTATE_ZOOM_SHIFT = Augment(rotate=10, zoom=0.1, shift=0.1)

CNN_635K = Entry(
    Recipe(
        name="cnn-635k",
        net=PlainCNN(
            filters=(32, 32, 64, 64),
            kernels=(5, 3, 5, 3),
            padding=("valid", "same", "valid", "same"),
            dropout=0.2,
            dense=(519,),
            dense_dropout=0.5,
        ),
        optimizer=ADAM,
        schedule=Plateau(monitor="accuracy", patience=1, factor=0.5, min_lr=1e-7),
        augment=ROTATE_ZOOM_SHIFT,
        batch_size=64,
        epochs=30,
        validation_split=0.1,
        checkpoint="best",
    ),
    source="Arruda 2018, “How to get top 2% position on Kaggle's MNIST”",
    published="leaderboard 0.9969",
    reproduced="validation 0.9961, test 0.9951 (n = 3)",
    story="The text leaves the program to its pictures; the layers, sizes and rates are the author's. "
    "Augmentation here is for training images only: validation images stay as they are.",
)

SIX_CONV = Entry(
    Recipe(
        name="six-conv",
        normalize="standardize_per_pixel",
        net=PlainCNN(
            filters=(32, 32, 64, 32, 64, 64),
            kernels=(3,),
            padding=("same", "valid", "same", "valid", "same", "valid"),
            dropout=0.25,
            dense=(256,),
            dense_dropout=0.5,
        ),
        optimizer=RMSPROP,
        schedule=Plateau(monitor="loss", patience=10, factor=0.1),
        augment=ROTATE_ZOOM_SHIFT,
        batch_size=32,
        epochs=50,
        validation_split=0.05,
        checkpoint="best",
    ),
    source="a write-up of six convolutions with Keras' image generator",
    published="leaderboard “upwards of 99 %”",
    reproduced="validation 0.9926, test 0.9891 (n = 2)",
    story="Not given and chosen here: the first dense layer (256), the dropout rates, the augmentation ranges; the "
    "plateau has Keras' defaults. Not repeated: the labels were standardized like pixels before being one-hot encoded, "
    "the test images were left unnormalized though the network had learned standardized ones, and the submission had "
    "no header line. Each pixel's mean and deviation (at least 1e-6) stand inside the model; what they give is kept "
    "within ±10, or the ink that augmentation moves to the ever black border would become values of 100 million.",
)

CNN_887K = Entry(
    Recipe(
        name="cnn-887k",
        net=PlainCNN(
            filters=(32, 32, 64, 64),
            kernels=(5, 5, 3, 3),
            padding=("same",),
            dropout=0.25,
            dense=(256,),
            dense_dropout=0.5,
        ),
        optimizer=RMSPROP,
        schedule=Plateau(monitor="accuracy", patience=3, factor=0.5, min_lr=1e-5),
        augment=ROTATE_ZOOM_SHIFT,
        batch_size=86,
        epochs=30,
        validation_split=0.1,
        checkpoint="last",
    ),
    source="a five-layer Keras CNN of 887,530 parameters, June 2017 (rank 426 of 2,255)",
    published="leaderboard 0.995, validation 0.9948",
    reproduced="validation 0.9955, test 0.9951 (n = 1)",
    story="The layer table of the write-up fixes every size; the parameter count is tested.",
)


def _dense(name: str, dense: tuple[int, ...], dropout: float, reproduced: str) -> Entry:
    return Entry(
        Recipe(
            name=name,
            net=MLP(dense=dense, dropout=dropout),
            optimizer=ADAM,
            batch_size=32,
            epochs=20,
            validation_split=10_000,
        ),
        source="“Deep Learning - Digit recognizer for MNIST - part 1”, a ladder of dense nets",
        published="largest of the ladder: train 0.9915, validation 0.9774, leaderboard 0.977",
        reproduced=reproduced,
        story="Given: batch 32, 32,000 rows to train on and 10,000 held out, dropout in the largest. Not given and "
        "chosen here: widths, depths, Adam at 1e-3, 20 epochs.",
    )


DENSE_S = _dense("dense-s", (32,), 0, "validation 0.9594, test 0.9599 (n = 3)")
DENSE_M = _dense("dense-m", (128,), 0, "validation 0.9715, test 0.9720 (n = 3)")
DENSE_L = _dense("dense-l", (256, 128), 0, "validation 0.9727, test 0.9720 (n = 3)")
DENSE_XL = _dense("dense-xl", (512, 256, 128), 0, "validation 0.9739, test 0.9726 (n = 3)")
DENSE_XXL = _dense("dense-xxl", (1024, 512, 256), 0.3, "validation 0.9763, test 0.9756 (n = 3)")

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
    published="train ~0.99, validation 0.9662 (loss 0.1418), leaderboard “just over 82 %”",
    reproduced="validation 0.9673, test 0.9664 (n = 3)",
    story="Normalized along axis 1 of (n, 28, 28, 1): each column of an image has L2 norm 1. Not repeated: the "
    "text shows no such normalization of the leaderboard's images; here it is part of the model.",
)

WRITEUPS = (CNN_635K, SIX_CONV, CNN_887K, DENSE_S, DENSE_M, DENSE_L, DENSE_XL, DENSE_XXL, DENSE_128)
