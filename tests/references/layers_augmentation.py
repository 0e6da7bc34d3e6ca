"""Layers that vary images in training, and those that change their contrast."""

import numpy as np

from tests.references._layers import numbers_of

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, size=(3, 12, 10, 3)).astype("float32")
MASKS = RNG.integers(0, 4, size=(3, 12, 10, 1)).astype("float32")
PAIRS = {"images": IMAGES, "segmentation_masks": MASKS}
LABELLED = {"images": IMAGES, "labels": np.eye(3, dtype="float32")}
UNIT = IMAGES / 255
FIRST = IMAGES.transpose(0, 3, 1, 2).copy()
WHOLE = RNG.integers(0, 256, size=(2, 12, 10, 3)).astype("float32")
CHANNELS_FIRST = {"data_format": "channels_first"}


def layer(name, inputs, *args, **kwargs):
    """A row: the layer, made with a seed where it takes one."""
    return lambda keras: getattr(keras.layers, name)(*args, **kwargs), inputs


LAYERS = {
    "saturation": layer("RandomSaturation", IMAGES, 0.8),
    "saturation_first": layer("RandomSaturation", FIRST, (0.2, 0.6), seed=2, **CHANNELS_FIRST),
    "saturation_one": layer("RandomSaturation", IMAGES[0], (0.2, 0.6), seed=2),
    "hue": layer("RandomHue", IMAGES, 0.7),
    "hue_unit": layer("RandomHue", UNIT, (0.2, 0.4), value_range=(0, 1), seed=3),
    "color_degeneration": layer("RandomColorDegeneration", IMAGES, 0.6),
    "color_degeneration_one": layer("RandomColorDegeneration", IMAGES[0], (0.1, 0.9), seed=4),
    "sharpness": layer("RandomSharpness", IMAGES, 0.9),
    "sharpness_first": layer("RandomSharpness", FIRST, (0.7, 1.0), seed=5, **CHANNELS_FIRST),
    "posterization": layer("RandomPosterization", WHOLE, 6),
    "posterization_bits": layer("RandomPosterization", WHOLE, (3, 3), seed=6),
    "invert": layer("RandomInvert", IMAGES),
    "invert_unit": layer("RandomInvert", UNIT, (0.5, 0.9), value_range=(0, 1), seed=7),
    "color_jitter": layer("RandomColorJitter", IMAGES, (0, 255), 0.4, 0.3, (0.4, 0.6), 0.2),
    "color_jitter_two": layer("RandomColorJitter", IMAGES, contrast_factor=(0.2, 0.9), hue_factor=0.5, seed=8),
    "shear": layer("RandomShear", IMAGES, 0.4, (0.1, 0.3)),
    "shear_constant": layer("RandomShear", PAIRS, 0.4, 0.2, "nearest", "constant", 7.0, seed=9),
    "perspective": layer("RandomPerspective", IMAGES, 1.0, 0.6),
    "perspective_masks": layer("RandomPerspective", PAIRS, (0.9, 1.0), 0.4, "nearest", 3.0, seed=10),
    "gaussian_blur": layer("RandomGaussianBlur", IMAGES, kernel_size=(5, 3)),
    "gaussian_blur_first": layer("RandomGaussianBlur", FIRST, (0.8, 1.0), 3, (0.5, 1.0), seed=11, **CHANNELS_FIRST),
    "erasing": layer("RandomErasing", IMAGES, (0.8, 1.0)),
    "erasing_value": layer("RandomErasing", IMAGES, scale=(0.1, 0.5), fill_value=40, seed=12),
    "erasing_first": layer("RandomErasing", FIRST, (1.0, 1.0), fill_value=9.0, seed=13, **CHANNELS_FIRST),
    "mix_up": layer("MixUp", LABELLED),
    "mix_up_alpha": layer("MixUp", IMAGES, 2.0, seed=14),
    "cut_mix": layer("CutMix", {**LABELLED, "segmentation_masks": np.repeat(MASKS, 3, -1)}, (0.5, 1.0)),
    "cut_mix_first": layer("CutMix", FIRST, seed=15, **CHANNELS_FIRST),
    "solarization": layer("Solarization", IMAGES, 0.3, 0.5),
    "solarization_unit": layer("Solarization", UNIT, (0.1, 0.2), (0.4, 0.9), value_range=(0, 1), seed=16),
    "auto_contrast": layer("AutoContrast", 100 + IMAGES / 4),
    "equalization": layer("Equalization", WHOLE),
    "equalization_bins": layer("Equalization", IMAGES, bins=20),
    "equalization_first": layer("Equalization", WHOLE.transpose(0, 3, 1, 2).copy(), **CHANNELS_FIRST),
    "clahe": layer("ContrastLimitedAdaptiveHistogramEqualization", IMAGES, tile_grid_size=(3, 4)),
    "clahe_unit": layer(
        "ContrastLimitedAdaptiveHistogramEqualization", UNIT.transpose(0, 3, 1, 2), (0, 1), 0, (2, 2), **CHANNELS_FIRST
    ),
    "rand_augment": layer("RandAugment", WHOLE, factor=0.4),
    "rand_augment_masks": layer("RandAugment", {"images": WHOLE, "segmentation_masks": MASKS[:2]}, num_ops=3, seed=20),
    "rand_augment_one": layer("RandAugment", WHOLE[0], num_ops=3, factor=(0.2, 0.6), seed=19),
}


def cases(keras):
    """The numbers of each layer."""
    return numbers_of(keras, LAYERS) | elastic(keras) | grayscale(keras)


def elastic(keras):
    """Uncompiled: Keras's layer takes no other call."""
    numbers = {}
    for name, arguments in {
        "elastic": {"factor": (0.9, 1.0)},
        "elastic_weak": {"scale": (0.3, 0.4), "fill_mode": "wrap"},
    }.items():
        keras.utils.set_random_seed(5)
        made = keras.layers.RandomElasticTransform(**arguments, interpolation="bilinear")
        numbers |= {f"{name}/training{i}": np.asarray(made(IMAGES, training=True)) for i in range(2)}
        numbers[f"{name}/state"] = np.asarray(made.variables[0].value)
    return numbers


def grayscale(keras):
    """Its config is not compared: Keras's leaves the seed out."""
    numbers = numbers_of(
        keras,
        {
            "grayscale": layer("RandomGrayscale", IMAGES),
            "grayscale_first": layer("RandomGrayscale", FIRST, 0.6, seed=17, **CHANNELS_FIRST),
        },
    )
    return {name: value for name, value in numbers.items() if not name.endswith("/config")}
