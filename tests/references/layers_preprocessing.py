"""Layers that prepare raw input."""

import numpy as np

from tests.references._layers import numbers_of

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(40, 3)).astype("float32")
CUBE = RNG.normal(size=(4, 5, 3)).astype("float32")
TOKENS = np.array([[0, 1], [3, 3], [2, 0]], "int32")
IMAGES = RNG.uniform(0, 255, size=(3, 4, 6, 3)).astype("float32")
MASKS = RNG.integers(0, 4, size=(3, 4, 6, 1)).astype("float32")
PAIRS = {"images": IMAGES, "segmentation_masks": MASKS}
BOTH = {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 2.0]}


def adapted(make, *data):
    """A layer that has seen data."""

    def made(keras):
        layer = make(keras)
        layer.adapt(data[0] if len(data) == 1 else list(data))
        return layer

    return made


LAYERS = {
    "normalization": (lambda keras: keras.layers.Normalization(**BOTH), CUBE),
    "normalization_invert": (lambda keras: keras.layers.Normalization(invert=True, **BOTH), CUBE),
    "normalization_adapted": (adapted(lambda keras: keras.layers.Normalization(), MATRIX), MATRIX[:4]),
    "normalization_axes": (adapted(lambda keras: keras.layers.Normalization(axis=(1, 2)), CUBE), CUBE),
    "normalization_none": (adapted(lambda keras: keras.layers.Normalization(axis=None), MATRIX), MATRIX[:4]),
    "normalization_batches": (
        adapted(lambda keras: keras.layers.Normalization(), MATRIX[:8], MATRIX[8:20], MATRIX[20:]),
        MATRIX[:4],
    ),
    "discretization": (lambda keras: keras.layers.Discretization([-0.5, 0.5]), MATRIX[:4]),
    "discretization_one_hot": (
        lambda keras: keras.layers.Discretization([-0.5, 0.5], output_mode="one_hot"),
        MATRIX[:4, 0],
    ),
    "discretization_adapted": (adapted(lambda keras: keras.layers.Discretization(num_bins=4), MATRIX), MATRIX[:4]),
    "discretization_batches": (
        adapted(lambda keras: keras.layers.Discretization(num_bins=4, epsilon=0.1), MATRIX[:8], MATRIX[8:20]),
        MATRIX[:4],
    ),
    "category_encoding": (lambda keras: keras.layers.CategoryEncoding(4), TOKENS),
    "category_encoding_one_hot": (lambda keras: keras.layers.CategoryEncoding(4, "one_hot"), TOKENS[:, :1]),
    "category_encoding_count": (
        lambda keras: keras.layers.CategoryEncoding(4, "count"),
        TOKENS,
        {"count_weights": TOKENS + 0.5},
    ),
    "discretization_count": (lambda keras: keras.layers.Discretization([-0.5, 0.5], output_mode="count"), CUBE),
    "pipeline": (
        lambda keras: keras.layers.Pipeline(
            [keras.layers.Rescaling(2.0, name="twice"), keras.layers.Rescaling(0.5, 1.0, name="half")], name="both"
        ),
        MATRIX,
    ),
    "resizing": (lambda keras: keras.layers.Resizing(3, 8), IMAGES),
    "resizing_crop": (lambda keras: keras.layers.Resizing(3, 3, "nearest", crop_to_aspect_ratio=True), IMAGES),
    "resizing_pad": (lambda keras: keras.layers.Resizing(3, 3, pad_to_aspect_ratio=True, fill_value=2.0), IMAGES),
    "resizing_narrow": (lambda keras: keras.layers.Resizing(5, 60, crop_to_aspect_ratio=True), IMAGES),
    "resizing_masks": (lambda keras: keras.layers.Resizing(3, 8), PAIRS),
    "center_crop": (lambda keras: keras.layers.CenterCrop(3, 4), IMAGES),
    "center_crop_larger": (lambda keras: keras.layers.CenterCrop(6, 5), IMAGES),
    "random_flip": (lambda keras: keras.layers.RandomFlip(), IMAGES),
    "random_flip_horizontal": (lambda keras: keras.layers.RandomFlip("horizontal", seed=3), IMAGES),
    "random_flip_masks": (lambda keras: keras.layers.RandomFlip(seed=3), PAIRS),
    "random_brightness": (lambda keras: keras.layers.RandomBrightness((-0.1, 0.4)), IMAGES),
    "random_brightness_masks": (lambda keras: keras.layers.RandomBrightness(0.4, seed=1), PAIRS),
    "random_translation": (lambda keras: keras.layers.RandomTranslation(0.4, (-0.2, 0.6)), IMAGES),
    "random_translation_constant": (
        lambda keras: keras.layers.RandomTranslation((0.1, 0.3), 0.5, "constant", "nearest", 3, fill_value=2.0),
        IMAGES,
    ),
    "random_rotation": (lambda keras: keras.layers.RandomRotation(0.3), IMAGES),
    "random_rotation_wrap": (
        lambda keras: keras.layers.RandomRotation((-0.2, 0.4), "wrap", data_format="channels_first", seed=4),
        IMAGES,
    ),
    "random_rotation_masks": (lambda keras: keras.layers.RandomRotation(0.3, seed=8), PAIRS),
    "random_zoom": (lambda keras: keras.layers.RandomZoom(0.5), IMAGES),
    "random_zoom_nearest": (lambda keras: keras.layers.RandomZoom((0.2, 0.7), (-0.5, 0.1), "nearest", seed=2), IMAGES),
    "random_zoom_one": (lambda keras: keras.layers.RandomZoom(0.4, 0.2, "constant", fill_value=7.0), IMAGES[0]),
    "random_contrast": (lambda keras: keras.layers.RandomContrast((0.2, 0.4), seed=5), IMAGES),
}


CROPS = {  # (height, width), seed, inputs
    "random_crop": ((2, 3), None, IMAGES),
    "random_crop_one": ((3, 2), 6, IMAGES[0]),
    "random_crop_middle": ((4, 3), 6, IMAGES),
    "random_crop_larger": ((7, 5), 6, IMAGES),
}


def cases(keras):
    """The numbers of each layer."""
    return numbers_of(keras, LAYERS) | crops(keras)


def crops(keras):
    """What RandomCrop gives while training, uncompiled: Keras's takes no other call, and does nothing in inference."""
    numbers = {}
    for name, (size, seed, inputs) in CROPS.items():
        keras.utils.set_random_seed(5)
        layer = keras.layers.RandomCrop(*size, seed=seed)
        numbers |= {f"{name}/training{i}": np.asarray(layer(inputs, training=True)) for i in range(2)}
        numbers[f"{name}/state"] = np.asarray(layer.variables[0].value)
        numbers[f"{name}/seed"] = np.asarray(layer.get_config()["seed"])
    return numbers
