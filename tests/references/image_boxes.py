"""Bounding boxes of image layers, where Keras moves them as it moves the pixels.

Where it does not, tests/layers/test_boxes.py shows by pixels what is right.
"""

import json

import jax
import numpy as np

from tests.references._layers import without

FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)
RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 12, 10
IMAGES = RNG.uniform(0, 255, size=(3, HEIGHT, WIDTH, 3)).astype("float32")
FIRST = RNG.uniform(0, 6, size=(3, 2, 2))
CORNERS = np.concatenate([FIRST, FIRST + RNG.uniform(1, 4, size=(3, 2, 2))], -1).astype("float32")
LABELS = np.array([[3, 1], [0, 2], [5, 4]], "int32")
PADDED = np.concatenate([CORNERS, np.zeros((3, 1, 4), "float32"), np.full((3, 1, 4), -1, "float32")], 1)

MOVING = {
    "flip": ("RandomFlip", ("horizontal_and_vertical",), {"seed": 3}),
    "flip_across": ("RandomFlip", ("horizontal",), {"seed": 1}),
    "flip_down": ("RandomFlip", ("vertical",), {"seed": 2}),
    "translation": ("RandomTranslation", (0.6, 0.7), {"seed": 4}),
    "center_crop": ("CenterCrop", (7, 4), {}),
    "center_crop_small": ("CenterCrop", (15, 15), {}),
    "resizing": ("Resizing", (9, 25), {}),
    "resizing_padded": ("Resizing", (24, 24), {"pad_to_aspect_ratio": True}),
    "resizing_cropped": ("Resizing", (10, 10), {"crop_to_aspect_ratio": True}),
}
STILL = {
    "aug_mix": ("AugMix", (), {"seed": 1}),
    "auto_contrast": ("AutoContrast", (), {}),
    "brightness": ("RandomBrightness", (0.2,), {"seed": 1}),
    "color_degeneration": ("RandomColorDegeneration", (0.2,), {"seed": 1}),
    "color_jitter": ("RandomColorJitter", (), {"brightness_factor": 0.2, "seed": 1}),
    "contrast": ("RandomContrast", (0.2,), {"seed": 1}),
    "equalization": ("Equalization", (), {}),
    "erasing": ("RandomErasing", (), {"seed": 1}),
    "gaussian_blur": ("RandomGaussianBlur", (), {"seed": 1}),
    "hue": ("RandomHue", (0.2,), {"seed": 1}),
    "invert": ("RandomInvert", (), {"seed": 1}),
    "posterization": ("RandomPosterization", (3,), {"seed": 1}),
    "saturation": ("RandomSaturation", (0.2,), {"seed": 1}),
    "sharpness": ("RandomSharpness", (0.2,), {"seed": 1}),
    "solarization": ("Solarization", (), {"seed": 1}),
    "fewer": ("MaxNumBoundingBoxes", (1,), {}),
    "more": ("MaxNumBoundingBoxes", (4,), {"fill_value": -1}),
}


def cases(keras):
    """Boxes and labels after each layer."""
    return every_format(keras) | whole_calls(keras) | one_image(keras) | configs(keras) | mixed(keras)


def made(keras, row, **more):
    """A layer of a table."""
    name, arguments, options = row
    return getattr(keras.layers, name)(*arguments, **options, **more)


def boxes_of(corners, bounding_box_format):
    """Boxes "xyxy" in another format, by arithmetic of its own."""
    left, top, right, bottom = np.moveaxis(corners, -1, 0)
    wide, high = right - left, bottom - top
    kind, scale = bounding_box_format.removeprefix("rel_"), (1, 1)
    if kind != bounding_box_format:
        scale = WIDTH, HEIGHT
    left, right, wide = (x / scale[0] for x in (left, right, wide))
    top, bottom, high = (y / scale[1] for y in (top, bottom, high))
    parts = {
        "xyxy": (left, top, right, bottom),
        "yxyx": (top, left, bottom, right),
        "xywh": (left, top, wide, high),
        "center_xywh": (left + wide / 2, top + high / 2, wide, high),
        "center_yxhw": (top + high / 2, left + wide / 2, high, wide),
    }
    return np.stack(parts[kind], -1).astype("float32")


def every_format(keras):
    """Boxes of each format after each layer that moves pixels, in training."""
    numbers = {}
    for name, row in MOVING.items():
        for kind in FORMATS:
            layer = made(keras, row, bounding_box_format=kind)
            transformation = layer.get_random_transformation(IMAGES, training=True)
            given = {"boxes": boxes_of(CORNERS, kind), "labels": LABELS}
            numbers |= named(f"{name}/{kind}", layer.transform_bounding_boxes(given, transformation, training=True))
    return numbers


def whole_calls(keras):
    """Each layer called on a dict, in training and in inference."""
    numbers = {}
    for name, row in (MOVING | STILL).items():
        layer = made(keras, row, bounding_box_format="center_xywh")
        for training in (True, False):
            given = {"boxes": boxes_of(CORNERS, "center_xywh"), "labels": LABELS}
            out = layer({"images": IMAGES, "bounding_boxes": given}, training=training)
            numbers |= named(f"{name}/{'training' if training else 'inference'}", out["bounding_boxes"])
    return numbers


def one_image(keras):
    """One image with channels first, and boxes that are padding."""
    numbers = {}
    for name in ("flip", "translation", "center_crop", "resizing_padded"):
        layer = made(keras, MOVING[name], bounding_box_format="xyxy", data_format="channels_first")
        given = {"boxes": PADDED[0].copy(), "labels": np.array([3, 1, -1, -1], "int32")}
        out = layer({"images": IMAGES[0].transpose(2, 0, 1), "bounding_boxes": given}, training=True)
        numbers |= named(f"{name}/one", out["bounding_boxes"])
    return numbers


def configs(keras):
    """Configs have the format where it was given."""
    numbers = {}
    for name, row in {"flip": MOVING["flip"], "fewer": STILL["fewer"], "resizing": MOVING["resizing"]}.items():
        config = without(made(keras, row, bounding_box_format="xyxy", name=name).get_config())
        config.pop("fill_value" if name == "fewer" else "", None)  # Keras's lacks it
        numbers[f"{name}/config"] = np.array(json.dumps(config, sort_keys=True))
    return numbers


def mixed(keras):
    """The boxes of both images; Keras concatenates their labels along the wrong axis."""
    layer = keras.layers.MixUp(seed=6, bounding_box_format="xyxy")
    given = {"boxes": CORNERS.copy(), "labels": LABELS.copy()}
    out = layer({"images": IMAGES, "bounding_boxes": given}, training=True)
    return {"mix_up/boxes": out["bounding_boxes"]["boxes"]}


def named(prefix, boxes):
    """The entries of a dict under a prefix."""
    return {f"{prefix}/{key}": np.asarray(value) for key, value in jax.tree.map(np.asarray, boxes).items()}
