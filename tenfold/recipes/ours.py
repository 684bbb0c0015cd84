"""tenfold's own recipes."""

from tenfold.recipes.catalogue import Entry
from tenfold.recipes.schema import Augment, OneCycle, Optimiser, Recipe, StageNet, Synthesis

# A 5x5 convolution with stride 2 and two of 3x3, on maps of 12, 6 and 4 pixels: what costs a processor most, wide maps,
# is hardly there. The last layer sees every place of the last map; with its mean alone, an epoch teaches half as much.
QUICK = StageNet(stem=32, stem_stride=2, filters=(64,), depth=2, padding="valid", head="places")
# Short memories of the gradient suit trainings of a few hundred steps.
ADAMW = Optimiser(name="adamw", lr=0.04, weight_decay=0.05, momentum=0.8, smoothing=0.95)
# Gentle changes at first, then the images as they are.
GENTLE = Augment(rotate=8, zoom=0.08, shift=0.06, shear=6, clean=0.3)

FLASH = Entry(
    Recipe(
        name="flash",
        normalise="centred",
        net=QUICK,
        optimiser=ADAMW.model_copy(update={"lr": 0.05}),
        schedule=OneCycle(warmup=0.1),
        batch=256,
        epochs=1,
        label_smoothing=0.1,
        hold_out=0.05,
        calibrate=True,
    ),
    source="tenfold",
    published="",
    reproduced="",
    story="One epoch, for a first answer within seconds. Smoothed labels are what helps such a short training most; the "
    "model's confidence is set right on the held-out rows afterwards.",
)

FAST = Entry(
    Recipe(
        name="fast",
        normalise="centred",
        net=QUICK,
        optimiser=ADAMW,
        schedule=OneCycle(warmup=0.1),
        augment=GENTLE,
        batch=256,
        epochs=5,
        label_smoothing=0.1,
        hold_out=0.05,
        calibrate=True,
    ),
    source="tenfold",
    published="",
    reproduced="",
    story="The network of flash for five epochs, the first of them on gently changed images, the last on the images as "
    "they are. The last weights are kept; on the held-out rows nothing is chosen but how sure the model is.",
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

OURS = (FLASH, FAST, ROBUST)
