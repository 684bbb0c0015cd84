"""tenfold's own recipes."""

from tenfold.recipes.catalog import Entry
from tenfold.recipes.schema import CNN, CTC, MLP, Augment, OneCycle, Optimizer, Recipe, Synthesis, Variant

# A 5x5 convolution with stride 2 and one of 3x3, on maps of 12 and 6 pixels, then a dense layer on all 16 places of the
# last map: what costs a processor most, wide maps and convolutions on very small ones, is hardly there.
QUICK = CNN(stem=48, stem_stride=2, filters=(96,), depth=1, padding="valid", head="flatten", dense=(128,))
# Maps of 12 and 6 pixels, looked at twice each: many times as many operations, at a processor's full rate.
SLIM = CNN(stem=24, stem_stride=2, stem_pool=False, filters=(48, 96), depth=2, head="avgmax")
FINE = CNN(stem=32, filters=(64, 128), depth=2, head="avgmax", dropout=0.2)
FINER = FINE.model_copy(update={"stem_padding": "same"})  # maps of 14 and 7 pixels
# Short memories of the gradient suit trainings of a few hundred steps.
ADAMW = Optimizer(name="adamw", lr=0.04, weight_decay=0.05, momentum=0.8, smoothing=0.95)
# Gets deep networks further in as many steps, at a twentieth more time for each.
MUON = ADAMW.model_copy(update={"name": "muon", "lr": 0.05, "rest_lr": 0.005, "momentum": 0.9})
# Changed images at first, then the images as they are; bending is not worth its time where epochs are cheap and few.
GENTLE = Augment(rotate=10, zoom=0.1, shift=0.08, shear=8, clean_fraction=0.2)
WIDER = GENTLE.model_copy(update={"rotate": 20, "zoom": 0.2, "shift": 0.1, "shear": 15, "elastic": 0.7})
WIDEST = WIDER.model_copy(update={"rotate": 25, "zoom": 0.3, "shear": 20})

FLASH = Entry(
    Recipe(
        name="flash",
        normalize="standardize",
        net=QUICK.model_copy(update={"stem": 16, "filters": (64,), "dense": (64,)}),
        optimizer=ADAMW.model_copy(update={"lr": 0.05}),
        schedule=OneCycle(warmup=0.1),
        batch_size=256,
        epochs=1,
        label_smoothing=0.1,
        validation_split=0.05,
        calibrate=True,
        tta=5,
    ),
    source="tenfold",
    published="",
    reproduced="MNIST's test part 0.9924 (n = 20)",
    story="One epoch, for a first answer within seconds. Smoothed labels are what helps such a short training "
    "most; the model's confidence is set right on the held-out rows afterwards. What it says of an image is the mean "
    "of what it sees in the image and in its shifts by a pixel to each side.",
)

FAST = Entry(
    FLASH.recipe.model_copy(
        update={"name": "fast", "net": QUICK, "optimizer": ADAMW, "augment": GENTLE, "epochs": 4},
    ),
    source="tenfold",
    published="",
    reproduced="MNIST's test part 0.9960 (n = 10); Kaggle's form: validation 0.9951, test 0.9952 (n = 3)",
    story="A wider network than that of flash, for four epochs on images that are turned, zoomed, sheared and shifted, "
    "the last fifth of the steps on the images as they are. The last weights are kept; on the held-out rows nothing is "
    "chosen but how sure the model is.",
)

STRONG = Entry(
    FAST.recipe.model_copy(
        update={
            "name": "strong",
            "net": SLIM,
            "optimizer": MUON,
            "augment": WIDER.model_copy(update={"clean_fraction": 0.3}),
            "label_smoothing": 0.05,
            "epochs": 4,
        }
    ),
    source="tenfold",
    published="",
    reproduced="MNIST's test part 0.9970 (n = 5)",
    story="A deeper network, on finer maps than that of fast, taught on images that are changed more and bent. Its "
    "hidden layers move by their orthogonalized momentum (Muon).",
)

BEST = Entry(
    STRONG.recipe.model_copy(
        update={
            "name": "best",
            "net": FINER,
            "augment": WIDEST.model_copy(update={"clean_fraction": 0.3}),
            "epochs": 18,
        }
    ),
    source="tenfold",
    published="",
    reproduced="MNIST's test part 0.9975 (n = 5)",
    story="A wider network of the kind of strong's, taught longer, on images that are changed as much as they can be "
    "and still be read.",
)

# As best, on coarser maps.
COARSER = Variant(
    net=FINE,
    augment=BEST.recipe.augment,
    optimizer=BEST.recipe.optimizer,
    batch_size=BEST.recipe.batch_size,
    label_smoothing=BEST.recipe.label_smoothing,
)
# Many small steps on images that are changed less, towards the labels as they are, much as Matuzas' MNIST-0.17 teaches:
# worse alone, but it gets other digits wrong.
SMALL_STEPS = Variant(
    net=FINE.model_copy(update={"dropout": 0.0}),
    augment=Augment(rotate=10, zoom=0.2, shift=0.08, shear=10, clean_fraction=0.1),
    optimizer=Optimizer(name="adam", lr=0.003, momentum=0.9, smoothing=0.999),
    batch_size=32,
)

ENSEMBLE = Entry(
    BEST.recipe.model_copy(
        update={
            "name": "ensemble",
            "epochs": 12,
            "ensemble_size": 6,
            "variants": (COARSER, SMALL_STEPS),
            "validation_split": 0.0,
            "calibrate": False,
            "tta": 1,
        }
    ),
    source="tenfold",
    published="",
    reproduced="MNIST's test part 0.9973 (n = 1); Kaggle's form: test 0.9969 (n = 1)",
    story="Six networks, heard alike: two taught as that of best, two as that but on coarser maps, two in many "
    "small steps on images that are changed less, for networks that were taught alike get the same digits wrong. "
    "Nothing is held out: all labeled rows teach. So many networks need no shifted images.",
)

DISTILLED = Entry(
    FAST.recipe.model_copy(
        update={
            "name": "distilled",
            "augment": WIDER,
            "optimizer": MUON,
            "net": QUICK.model_copy(
                update={
                    "stem": 40,
                    "stem_padding": "same",
                    "filters": (80,),
                    "depth": 2,
                    "padding": "same",
                    "dense": (),
                }
            ),
            "epochs": 60,
            "tta": 1,
            "label_smoothing": 0.0,
            "distillation_weight": 0.9,
            "int8": True,
        }
    ),
    source="tenfold",
    published="",
    reproduced="taught by two of best: MNIST's test part 0.9968 (n = 1)",
    story="One small, quick network that learns for long from a larger one what it says of each changed image: name "
    "that one's run, or a model's file, with --teacher. Its file computes in 8 bits, so it may do more work.",
)

MLP_ENTRY = Entry(
    Recipe(
        name="mlp",
        normalize="standardize",
        net=MLP(dense=(1024, 1024, 512), norm=True, dropout=0.1),
        optimizer=Optimizer(name="adamw", lr=0.005, weight_decay=0.05, momentum=0.9, smoothing=0.98),
        schedule=OneCycle(warmup=0.1),
        augment=Augment(rotate=14, zoom=0.14, shift=0.07, shear=12, elastic=1.2, clean_fraction=0.05),
        batch_size=512,
        epochs=100,
        label_smoothing=0.05,
        validation_split=0.05,
        calibrate=True,
    ),
    source="tenfold",
    published="",
    reproduced="MNIST's test part 0.9947 (n = 3)",
    story="Dense layers alone, as in the third write-up, on images that are turned, zoomed, sheared and bent: what "
    "they lack without convolutions is mostly the knowledge that a digit stays itself when it is moved a little.",
)

ROBUST = Entry(
    Recipe(
        name="robust",
        normalize="scale",
        net=CNN(stem=32, filters=(48, 96, 128), depth=2, head="avgmax"),
        optimizer=MUON,
        schedule=OneCycle(warmup=0.15),
        synthesis=Synthesis(hands=0.5, corrupt=0.65, negatives=0.35),
        batch_size=256,
        epochs=60,
        validation_split=3000,
        ema=0.999,
        calibrate=True,
        int8=True,
    ),
    source="tenfold",
    published="",
    reproduced="validation 0.9977, test 0.9970 (n = 1)",
    story="The model that tenfold brings. Every batch draws other hands (pens from hair-thin to brush, slant, ways to "
    "write a digit that MNIST hardly has, coarse scans, remnants of neighbors) and 29 kinds of damage anew, and adds "
    "pictures of no digit: letters and signs of the fonts at hand, scribbles, shapes, textures, pieces and pairs of "
    "digits. A head of its own learns to tell digits from those. Hidden layers move by Muon, and the running average "
    "of the weights is kept; on the held-out rows nothing is chosen but how sure the model is.",
)

LINE = Entry(
    Recipe(
        name="line",
        net=CTC(),
        optimizer=MUON.model_copy(update={"lr": 0.04, "rest_lr": 0.004, "weight_decay": 0.02, "smoothing": 0.98}),
        schedule=OneCycle(warmup=0.15),
        augment=Augment(zoom=0.08, shift=0.02),
        batch_size=64,
        epochs=20,
        validation_split=0.05,
        ema=0.998,
    ),
    source="tenfold",
    published="",
    reproduced="composed rows of held-out digits 0.8455 without a mistake (n = 1)",
    story="Reads a whole row of digits without cutting it up. It learns from rows that are composed of the labeled "
    "digits: written with many pens, slants and spacings, on paper with and without print, with signs between the "
    "digits that it must leave out. Rows held out are composed of digits held out. Hidden layers move by Muon.",
)

OURS = (FLASH, FAST, STRONG, BEST, ENSEMBLE, DISTILLED, MLP_ENTRY, ROBUST, LINE)
