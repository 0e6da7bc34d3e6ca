"""Image augmentation: masks, labels, what is drawn anew, refused arguments.

The numbers are compared with Keras's in references/layers_augmentation.py.
"""

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import layers

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, size=(4, 12, 10, 3)).astype("float32")
ONES = np.ones((4, 12, 10, 1), "float32")


@pytest.mark.slow
def test_masks_are_deformed_as_the_images_are():
    """Keras draws other noise for the masks."""
    masks = np.repeat(RNG.integers(0, 4, size=(4, 12, 10, 1)), 3, axis=-1).astype("float32")
    layer = layers.RandomElasticTransform((1.0, 1.0), (1.0, 1.0), "nearest", seed=3)
    out = layer({"images": masks, "segmentation_masks": masks}, training=True)
    np.testing.assert_array_equal(out["images"], out["segmentation_masks"])
    assert not np.array_equal(out["images"], masks)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [layers.MixUp(2.0, seed=3), layers.CutMix((1.0, 1.0), seed=1)])
def test_labels_are_mixed_with_the_weights_of_the_images(layer):
    """Images of one value each: the mean of a mixed image says the weight that the labels must have."""
    values = np.array([1.0, 10.0, 100.0, 1000.0], "float32")
    images = values[:, None, None, None] * np.ones((4, 30, 30, 3), "float32")
    out = layer({"images": images, "labels": np.eye(4, dtype="int32"), "segmentation_masks": images}, training=True)
    np.testing.assert_allclose(np.mean(out["images"], (1, 2, 3)), out["labels"] @ values, rtol=0.15)  # whole pixels
    np.testing.assert_allclose(out["labels"].sum(-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(out["images"], out["segmentation_masks"])
    assert not np.array_equal(out["images"], images)


@pytest.mark.slow
def test_numbers_as_labels_are_mixed_one_by_one():
    out = layers.MixUp(2.0, seed=1)({"images": ONES, "labels": np.arange(4.0, dtype="float32")}, training=True)
    assert out["labels"].shape == (4,)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [layers.MixUp(), layers.CutMix()])
def test_one_image_is_not_mixed(layer):
    np.testing.assert_array_equal(layer(IMAGES[0], training=True), IMAGES[0])


@pytest.mark.slow
def test_a_fill_value_for_each_channel():
    fill = (1.0, 2.0, 3.0)
    last = layers.RandomErasing((1.0, 1.0), (0.9, 1.0), fill, seed=1)
    first = layers.RandomErasing((1.0, 1.0), (0.9, 1.0), fill, seed=1, data_format="channels_first")
    out = last(np.zeros((1, 8, 8, 3), "float32"), training=True)
    np.testing.assert_array_equal(out[0, 4, 4], fill)
    np.testing.assert_array_equal(np.moveaxis(first(np.zeros((1, 3, 8, 8), "float32"), training=True), 1, -1), out)


@pytest.mark.slow
def test_one_value_keeps_its_contrast_and_has_a_gradient():
    image = np.full((1, 4, 4, 1), 7.0, "float32")
    np.testing.assert_array_equal(layers.AutoContrast()(image), image)
    assert np.isfinite(jax.grad(lambda x: layers.AutoContrast()(x).sum())(image)).all()


@pytest.mark.slow
def test_contrast_is_that_of_each_channel_in_both_data_formats():
    last = layers.AutoContrast()(IMAGES / 4 + 50)
    first = layers.AutoContrast(data_format="channels_first")(np.moveaxis(IMAGES / 4 + 50, -1, 1))
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last, rtol=1e-5)
    np.testing.assert_allclose(np.max(last, (1, 2)), 255, rtol=1e-5)


@pytest.mark.slow
def test_a_policy_draws_in_every_compiled_step():
    """Keras draws the chains of AugMix when the step is traced, and keeps them."""
    layer = layers.AugMix(num_chains=1, chain_depth=1, factor=0.5, seed=2)
    step = jax.jit(lambda state, x: layer.stateless_call([], state, x, training=True))
    state = [variable.value for variable in layer.non_trainable_variables]
    outputs = []
    for _ in range(6):
        out, state = step(state, IMAGES)
        outputs.append(np.asarray(out))
        assert out.min() >= 0 and out.max() <= 255
    assert len({out.tobytes() for out in outputs}) == 6
    again = layers.AugMix(num_chains=1, chain_depth=1, factor=0.5, seed=2)(IMAGES, training=True)
    np.testing.assert_allclose(again, outputs[0], rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_chains_without_augmentations_give_the_image():
    out = layers.AugMix(chain_depth=0, seed=1)({"images": IMAGES, "segmentation_masks": ONES}, training=True)
    np.testing.assert_allclose(out["images"], IMAGES, rtol=1e-5)
    np.testing.assert_allclose(out["segmentation_masks"], ONES, rtol=1e-5)


@pytest.mark.slow
def test_in_fit():
    model = keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.RandAugment(seed=1),
            layers.RandomErasing(seed=2),
            layers.RandomElasticTransform(seed=3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    history = model.fit(IMAGES / 255, np.zeros((4, 1)), batch_size=2, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: layers.RandomHue(-2.0), "RandomHue: factor must be a number from 0 to 1"),
        (lambda: layers.RandomPosterization(9), "from 1 to 8"),
        (lambda: layers.RandomSaturation((0.1, 0.2, 0.3)), "RandomSaturation: factor"),
        (lambda: layers.RandomSharpness(0.3, value_range=255), "value_range must be two numbers"),
        (lambda: layers.RandomGrayscale(1.5), "probability"),
        (lambda: layers.RandomShear(2.0), "RandomShear: x_factor"),
        (lambda: layers.RandomPerspective(scale=2.0), "scale must be from 0 to 1"),
        (lambda: layers.RandomPerspective(interpolation="cubic"), "'cubic'"),
        (lambda: layers.RandomElasticTransform(fill_mode="edge"), "'edge'"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "kernel_size must be odd"),
        (lambda: layers.RandomErasing(fill_value=(1.0, 2.0)), "fill_value"),
        (lambda: layers.CutMix(2.0), "CutMix: factor"),
        (lambda: layers.Solarization(threshold_factor=-1.0, addition_factor=2.0), "addition_factor"),
        (lambda: layers.RandAugment(factor=1.5), "RandAugment: factor"),
        (lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(0, 2)), "tile_grid_size"),
    ],
)
def test_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
