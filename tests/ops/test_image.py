"""Image operations: what they refuse, and in a graph. Their numbers are compared in references/ops.py."""

import numpy as np
import pytest

import minidl as keras
from minidl.ops import image

IMAGE = np.zeros((5, 6, 3), "float32")
POINTS = np.zeros((4, 2), "float32")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: image.crop_images(IMAGE, 1, 1, 1), "exactly two of left_cropping, right_cropping, target_width"),
        (lambda: image.crop_images(IMAGE, 1, 1, 1, target_height=2, target_width=2), "exactly two of top_cropping"),
        (lambda: image.crop_images(IMAGE, 3, 0, 3, 0), "must not be negative"),
        (lambda: image.crop_images(IMAGE, 0, 0, target_height=7, target_width=2), "must not be negative"),
        (lambda: image.pad_images(IMAGE, 0, 0, target_height=4, target_width=9), "must not be negative"),
        (lambda: image.pad_images(IMAGE, -1, 0, 1, 0), "must not be negative"),
        (lambda: image.pad_images(IMAGE[0], 1, 1, 1, 1), r"shape \(6, 3\)"),
        (lambda: image.extract_patches(IMAGE, (2, 2, 2, 2)), "2 or 3"),
        (lambda: image.extract_patches(IMAGE, (2, 2, 2)), "4 or 5 axes"),
        (lambda: image.extract_patches(IMAGE, 2, padding="full"), "'full'"),
        (lambda: image.extract_patches(IMAGE, 9), "does not fit"),
        (lambda: image.extract_patches(IMAGE, 2, strides=(1, 2, 3)), "strides"),
        (lambda: image.gaussian_blur(IMAGE.astype("uint8")), "takes floats, got uint8"),
        (lambda: image.rgb_to_hsv(IMAGE.astype("uint8")), "takes floats, got uint8"),
        (lambda: image.hsv_to_rgb(IMAGE[..., :2]), "3 channels"),
        (lambda: image.sobel_edges(IMAGE), "4 axes"),
        (lambda: image.ssim(IMAGE, IMAGE[:4]), "same shape"),
        (lambda: image.ssim(IMAGE, IMAGE), "smaller than filter_size=11"),
        (lambda: image.perspective_transform(IMAGE, POINTS, POINTS[:3]), r"\(4, 2\) or"),
        (lambda: image.perspective_transform(IMAGE, POINTS, POINTS, "bicubic"), "'bicubic'"),
        (lambda: image.elastic_transform(IMAGE, fill_mode="edge", seed=1), "'edge'"),
        (lambda: image.scale_and_translate(IMAGE, (5, 6, 3), [1.0], [0.0], (0,), "nearest"), "'nearest'"),
        (lambda: image.rgb_to_hsv(IMAGE, data_format="channels"), "'channels'"),
    ],
)
def test_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_patches_of_a_model_for_images_of_unknown_batch():
    inputs = keras.Input((8, 6, 3))
    patches = image.extract_patches(inputs, 2)
    assert patches.shape == (None, 4, 3, 12)
    model = keras.Model(inputs, keras.ops.reshape(patches, (-1, 12, 12)))
    x = np.arange(2 * 8 * 6 * 3, dtype="float32").reshape(2, 8, 6, 3)
    again = keras.Model.from_config(model.get_config())
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(model(x)[0, 4], x[0, 2:4, 2:4].reshape(12))  # the second row and column


def test_crop_undoes_pad():
    padded = image.pad_images(IMAGE + 1, 1, 2, 3, 4)
    assert padded.shape == (9, 12, 3) and float(padded.sum()) == IMAGE.size
    np.testing.assert_array_equal(image.crop_images(padded, 1, 2, 3, 4), IMAGE + 1)


@pytest.mark.slow
def test_colors_go_there_and_back():
    colors = np.random.default_rng(0).uniform(size=(2, 4, 4, 3)).astype("float32")
    np.testing.assert_allclose(image.hsv_to_rgb(image.rgb_to_hsv(colors)), colors, atol=1e-6)


def test_a_blurred_spot_is_round():
    """With each standard deviation 1, the weight at the distance (1, 1) is the square of that at (0, 1)."""
    spot = np.zeros((5, 5, 1), "float32")
    spot[2, 2] = 1
    blurred = np.asarray(image.gaussian_blur(spot, (3, 3), (1.0, 1.0)))[..., 0]
    side = np.exp(-0.5)
    line = np.array([0, side, 1, side, 0]) / (1 + 2 * side)
    np.testing.assert_allclose(blurred, np.outer(line, line), rtol=1e-5, atol=1e-7)
