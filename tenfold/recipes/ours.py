"""tenfold's own recipes."""

from tenfold.recipes.catalogue import Entry
from tenfold.recipes.schema import Augment, OneCycle, Optimiser, Recipe, StageNet, Synthesis

FAST = Entry(
    Recipe(
        name="fast",
        normalise="centred",
        net=StageNet(stem=32, filters=(32, 64), depth=2),
        optimiser=Optimiser(name="adamw", lr=0.02, weight_decay=0.05),
        schedule=OneCycle(warmup=0.2),
        augment=Augment(rotate=10, zoom=0.1, shift=0.08, shear=8),
        batch=256,
        epochs=10,
        label_smoothing=0.05,
        hold_out=0.05,
    ),
    source="tenfold",
    published="",
    reproduced="validation 0.9952, test 0.9958 (n = 1)",
    story="A 5x5 convolution and four of 3x3 with batch norm, small enough for a minute or two on two cores; one "
    "cycle of the learning rate, the last weights kept, nothing chosen on the held-out rows. Labels are smoothed, for "
    "some of MNIST's are wrong: the model is right more often than it is sure.",
)

ROBUST = Entry(
    Recipe(
        name="robust",
        normalise="unit",
        net=StageNet(stem=32, filters=(32, 64, 128), depth=2),
        optimiser=Optimiser(name="adamw", lr=0.01, weight_decay=0.05),
        schedule=OneCycle(warmup=0.15),
        synthesis=Synthesis(hands=0.5, corrupt=0.65, negatives=0.35),
        batch=256,
        epochs=24,
        hold_out=3000,
        ema=0.999,
        calibrate=True,
    ),
    source="tenfold",
    published="",
    reproduced="",
    story="",
)

OURS = (FAST, ROBUST)
