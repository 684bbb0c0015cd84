"""tenfold's own recipes."""

from tenfold.recipes.networks import CNN, CTC, MLP
from tenfold.recipes.schema import Augment, Entry, OneCycle, Optimizer, Recipe, Synthesis, Variant

# A strided 5x5 and a 3x3 convolution on feature maps of 12 and 6 pixels, then a dense layer on all 16 pixels of the
# last map. It avoids what costs a CPU most: large feature maps, and convolutions on very small ones.
STRIDED_CNN = CNN(stem_filters=48, stem_stride=2, filters=(96,), depth=1, padding="valid", head="flatten", dense=(128,))
# Two convolutions each on maps of 12 and 6 pixels: many times the operations, at a CPU's full rate.
SMALL_CNN = CNN(stem_filters=24, stem_stride=2, stem_pool=False, filters=(48, 96), depth=2, head="avgmax")
COARSE_CNN = CNN(stem_filters=32, filters=(64, 128), depth=2, head="avgmax", dropout=0.2)  # maps of 12 and 6 pixels
FINE_CNN = COARSE_CNN.model_copy(update={"stem_padding": "same"})  # maps of 14 and 7 pixels
# Betas below the defaults suit trainings of a few hundred steps.
ADAMW = Optimizer(name="adamw", lr=0.04, weight_decay=0.05, betas=(0.8, 0.95))
# Gets deep networks further in as many steps; each takes 5 % longer.
MUON = Optimizer(name="muon", lr=0.05, adamw_lr=0.005, weight_decay=0.05, betas=(0.9, 0.95))
# The last steps see unchanged images. Elastic deformation is not worth its time where epochs are cheap and few.
MILD = Augment(rotation=10, zoom=0.1, translation=0.08, shear=8, clean_fraction=0.2)
MEDIUM = MILD.model_copy(
    update={"rotation": 20, "zoom": 0.2, "translation": 0.1, "shear": 15, "elastic_alpha": 0.7},
)
STRONG_AUGMENT = MEDIUM.model_copy(update={"rotation": 25, "zoom": 0.3, "shear": 20, "clean_fraction": 0.3})

FLASH = Entry(
    Recipe(
        name="flash",
        normalize="standardize",
        net=STRIDED_CNN.model_copy(update={"stem_filters": 16, "filters": (64,), "dense": (64,)}),
        optimizer=ADAMW.model_copy(update={"lr": 0.05}),
        schedule=OneCycle(warmup_fraction=0.1),
        batch_size=256,
        epochs=1,
        label_smoothing=0.1,
        validation_split=0.05,
        calibrate=True,
        tta=5,
    ),
    source="tenfold",
    duration="2 s",
    published="",
    reproduced="MNIST test set 0.9924 (n = 20)",
    description="One epoch, for a first answer within seconds. Label smoothing helps such a short training most; a "
    "temperature fitted on the validation split then corrects the confidence. Test-time augmentation averages the "
    "image and its shifts by a pixel to each side.",
)

FAST = Entry(
    FLASH.recipe.model_copy(
        update={"name": "fast", "net": STRIDED_CNN, "optimizer": ADAMW, "augment": MILD, "epochs": 4},
    ),
    source="tenfold",
    duration="10 s",
    published="",
    reproduced="MNIST test set 0.9960 (n = 10); Kaggle format: validation 0.9951, test 0.9952 (n = 3)",
    description="The recipe to start with: a wider network than that of flash, four epochs on images that are rotated, "
    "zoomed, sheared and translated, except in the last fifth of the steps. It keeps the last weights; the validation "
    "split only calibrates the confidence.",
)

STRONG = Entry(
    FAST.recipe.model_copy(
        update={
            "name": "strong",
            "net": SMALL_CNN,
            "optimizer": MUON,
            "augment": MEDIUM.model_copy(update={"clean_fraction": 0.3}),
            "label_smoothing": 0.05,
            "epochs": 4,
        }
    ),
    source="tenfold",
    duration="1 min",
    published="",
    reproduced="MNIST test set 0.9970 (n = 5)",
    description="A deeper network than that of fast, trained with Muon and with stronger augmentation that includes "
    "elastic deformation.",
)

BEST = Entry(
    STRONG.recipe.model_copy(update={"name": "best", "net": FINE_CNN, "augment": STRONG_AUGMENT, "epochs": 18}),
    source="tenfold",
    duration="7 min",
    published="",
    reproduced="MNIST test set 0.9975 (n = 5)",
    description="A wider network than that of strong, trained longer, with augmentation as strong as digits can take "
    "and stay legible.",
)

# As best, on coarser feature maps.
COARSE_VARIANT = Variant(
    net=COARSE_CNN,
    augment=BEST.recipe.augment,
    optimizer=BEST.recipe.optimizer,
    batch_size=BEST.recipe.batch_size,
    label_smoothing=BEST.recipe.label_smoothing,
)
# Many small steps with mild augmentation and hard labels, much like Matuzas' MNIST-0.17: less accurate alone, but wrong
# on other digits.
SMALL_BATCH_VARIANT = Variant(
    net=COARSE_CNN.model_copy(update={"dropout": 0.0}),
    augment=Augment(rotation=10, zoom=0.2, translation=0.08, shear=10, clean_fraction=0.1),
    optimizer=Optimizer(name="adam", lr=0.003),
    batch_size=32,
)

ENSEMBLE = Entry(
    BEST.recipe.model_copy(
        update={
            "name": "ensemble",
            "epochs": 12,
            "ensemble_size": 6,
            "variants": (COARSE_VARIANT, SMALL_BATCH_VARIANT),
            "validation_split": 0.0,
            "calibrate": False,
            "tta": 1,
        }
    ),
    source="tenfold",
    duration="26 min",
    published="",
    reproduced="MNIST test set 0.9973 (n = 1); Kaggle format: test 0.9969 (n = 1)",
    description="The average of six networks: two trained like best, two like best on coarser feature maps, two in "
    "many small steps with milder augmentation, because networks that were trained alike get the same digits wrong. "
    "All labeled samples are trained on; there is no validation split. With six networks, test-time augmentation is "
    "not needed.",
)

DISTILLED = Entry(
    FAST.recipe.model_copy(
        update={
            "name": "distilled",
            "augment": MEDIUM,
            "optimizer": MUON,
            "net": STRIDED_CNN.model_copy(
                update={
                    "stem_filters": 40,
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
    duration="30 min",
    published="",
    reproduced="with two networks of best as teachers: MNIST test set 0.9968 (n = 1)",
    description="A small, fast network that learns for many epochs from the probabilities that a larger one assigns to "
    "each augmented image: pass the larger one's run or model file with --teacher. The exported model is quantized to "
    "8 bits.",
)

MLP_ENTRY = Entry(
    Recipe(
        name="mlp",
        normalize="standardize",
        net=MLP(dense=(1024, 1024, 512), batch_norm=True, dense_dropout=0.1),
        optimizer=Optimizer(name="adamw", lr=0.005, weight_decay=0.05, betas=(0.9, 0.98)),
        schedule=OneCycle(warmup_fraction=0.1),
        augment=Augment(rotation=14, zoom=0.14, translation=0.07, shear=12, elastic_alpha=1.2, clean_fraction=0.05),
        batch_size=512,
        epochs=100,
        label_smoothing=0.05,
        validation_split=0.05,
        calibrate=True,
    ),
    source="tenfold",
    duration="7 min",
    published="",
    reproduced="MNIST test set 0.9947 (n = 3)",
    description="Dense layers alone, as in the third write-up, with strong augmentation: what they lack without "
    "convolutions is mostly the knowledge that a digit stays the same when it moves a little.",
)

ROBUST = Entry(
    Recipe(
        name="robust",
        normalize="scale",
        net=CNN(stem_filters=32, filters=(48, 96, 128), depth=2, head="avgmax"),
        optimizer=MUON,
        schedule=OneCycle(warmup_fraction=0.15),
        synthesis=Synthesis(handwriting=0.5, corruption=0.65, negatives=0.35, outlier_exposure=0.5),
        batch_size=256,
        epochs=60,
        validation_split=3000,
        ema=0.999,
        calibrate=True,
        int8=True,
    ),
    source="tenfold",
    duration="1 h",
    published="",
    reproduced="validation 0.9977, test 0.9970 (n = 1)",
    description="The bundled digit model. Every batch draws new handwriting (pens from hair-thin to brush, slant, "
    "shapes that MNIST hardly has, coarse scans, edges of neighboring digits) and 29 kinds of corruption, and adds "
    "pictures of something else: letters and symbols of the installed fonts, scribbles, shapes, textures, halves and "
    "pairs of digits. A separate head learns to tell digits from those. The moving average of the weights is kept; the "
    "validation split only calibrates the confidence.",
)

LINE = Entry(
    Recipe(
        name="line",
        net=CTC(),
        optimizer=MUON.model_copy(update={"lr": 0.04, "adamw_lr": 0.004, "weight_decay": 0.02, "betas": (0.9, 0.98)}),
        schedule=OneCycle(warmup_fraction=0.15),
        augment=Augment(zoom=0.08, translation=0.02),
        batch_size=64,
        epochs=20,
        validation_split=0.05,
        ema=0.998,
    ),
    source="tenfold",
    duration="1 h",
    published="",
    reproduced="0.8455 of the lines composed of validation digits without an error (n = 1)",
    description="The bundled line model: reads a line of digits without segmenting it. It is trained on lines composed "
    "of the labeled digits: with many pens, slants and spacings, on plain and printed paper, with signs between the "
    "digits that it must skip. Validation lines are composed of validation digits.",
)

BUILTIN = (FLASH, FAST, STRONG, BEST, ENSEMBLE, DISTILLED, MLP_ENTRY, ROBUST, LINE)
