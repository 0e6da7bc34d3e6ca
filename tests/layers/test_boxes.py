"""Bounding boxes of image layers: a box around a painted rectangle stays around it.

Where Keras moves boxes rightly, the numbers are compared with its own in references/image_boxes.py.
"""

import jax
import numpy as np
import pytest

import minidl
from minidl import layers

HEIGHT, WIDTH = 40, 60
SIDES = np.array([[5, 10, 20, 22], [30, 3, 50, 15], [25, 15, 40, 30], [40, 20, 55, 38], [12, 12, 22, 30]])
XYXY = {"bounding_box_format": "xyxy"}
SEEDED = {**XYXY, "seed": 3}
INSIDE = {**SEEDED, "fill_mode": "constant"}  # "reflect" would paint a second rectangle


def painted(sides=SIDES):
    """An image for each box, with ones in it, and the dict of boxes and labels."""
    images = np.zeros((len(sides), HEIGHT, WIDTH, 1), "float32")
    for image, (left, top, right, bottom) in zip(images, sides):
        image[top:bottom, left:right] = 1
    return images, {"boxes": sides[:, None].astype("float32"), "labels": np.full((len(sides), 1), 7, "int32")}


def seen(image):
    """The box around the rectangle in an image, None where it is out of it."""
    rows, columns = np.nonzero(np.asarray(image)[..., 0] > 0.5)
    return None if not rows.size else np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def assert_around(out, tolerance):
    """Each box is around its rectangle, within half a pixel and what pixels of slanted sides hide."""
    boxes = out["bounding_boxes"]
    found = [seen(image) for image in out["images"]]
    assert sum(box is not None for box in found) >= 3
    for box, own, label in zip(found, boxes["boxes"][:, 0], boxes["labels"][:, 0]):
        if box is None:  # less than a pixel is left of it
            assert label == -1 or min(own[2] - own[0], own[3] - own[1]) < 1
        else:
            assert label == 7
            np.testing.assert_allclose(own, box, atol=tolerance)


GEOMETRY = {
    "flip": (lambda: layers.RandomFlip(**SEEDED), 0),
    "translation": (lambda: layers.RandomTranslation(0.3, 0.3, **INSIDE), 0.5),
    "rotation by 90 degrees": (lambda: layers.RandomRotation((0.25, 0.25), **INSIDE), 1e-4),
    "small rotation": (lambda: layers.RandomRotation(0.02, **INSIDE), 0.8),
    "zoom in": (lambda: layers.RandomZoom((-0.6, -0.3), **INSIDE), 0.5),
    "zoom out": (lambda: layers.RandomZoom((0.2, 0.9), (0.1, 0.5), **INSIDE), 0.5),
    "shear along x": (lambda: layers.RandomShear(0.3, 0.0, **INSIDE), 0.8),
    "shear along y": (lambda: layers.RandomShear(0.0, 0.3, **INSIDE), 0.8),
    "perspective": (lambda: layers.RandomPerspective((1.0, 1.0), 0.3, **SEEDED), 0.8),
    "some perspectives": (lambda: layers.RandomPerspective((0.5, 0.5), 0.3, **SEEDED), 0.8),
    "crop": (lambda: layers.RandomCrop(30, 50, **SEEDED), 0),
    "crop of a smaller image": (lambda: layers.RandomCrop(50, 90, **SEEDED), 0.5),
    "center crop": (lambda: layers.CenterCrop(35, 50, **XYXY), 0),
    "center crop of a smaller image": (lambda: layers.CenterCrop(80, 90, **XYXY), 0),
    "resizing": (lambda: layers.Resizing(80, 100, **XYXY), 0.5),
    "cropped to the aspect ratio": (lambda: layers.Resizing(80, 100, crop_to_aspect_ratio=True, **XYXY), 0.5),
    "padded to the aspect ratio": (lambda: layers.Resizing(30, 30, pad_to_aspect_ratio=True, **XYXY), 0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", GEOMETRY)
def test_a_box_stays_around_its_pixels(case):
    """Keras's boxes are off by up to half a pixel, in zooms more, those of RandomCrop and RandomShear by far more."""
    images, boxes = painted()
    make, tolerance = GEOMETRY[case]
    layer = make()
    for _ in range(3):
        assert_around(layer({"images": images, "bounding_boxes": boxes}, training=True), tolerance)


@pytest.mark.parametrize("case", ["crop", "crop of a smaller image", "center crop", "padded to the aspect ratio"])
def test_sizes_change_in_inference_too(case):
    """Keras's RandomCrop leaves images and boxes as they are."""
    images, boxes = painted()
    assert_around(GEOMETRY[case][0]()({"images": images, "bounding_boxes": boxes}, training=False), 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["flip", "rotation by 90 degrees", "crop"])
def test_channels_first(case):
    images, boxes = painted()
    last, first = (GEOMETRY[case][0]() for _ in range(2))
    first.data_format = "channels_first"
    given = {"images": images, "bounding_boxes": boxes}
    out = first({**given, "images": images.transpose(0, 3, 1, 2)}, training=True)
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"], last(given, training=True)["bounding_boxes"]["boxes"])


@pytest.mark.slow
def test_a_zoom_is_around_the_center_of_the_image():
    """Keras takes the right and lower edges of the last pixels for their centers: the box would end at 8."""
    layer = layers.RandomZoom((-0.9, -0.9), interpolation="nearest", **INSIDE)
    images = np.zeros((1, 10, 8, 1), "float32")
    images[0, :, 2:4] = 1
    boxes = {"boxes": np.array([[[2, 0, 4, 10]]], "float32"), "labels": np.array([[1]])}
    out = layer({"images": images, "bounding_boxes": boxes}, training=True)
    np.testing.assert_array_equal(seen(out["images"][0]), [0, 0, 4, 10])
    np.testing.assert_allclose(out["bounding_boxes"]["boxes"], [[[0, 0, 4, 10]]], atol=1e-4)


def test_a_crop_to_the_aspect_ratio_is_where_the_pixels_are_cropped():
    """Keras takes rows off the boxes after the resizing, and rounds: they would begin at 0.5."""
    images = np.zeros((1, 10, 8, 1), "float32")
    images[0, 1:3, 2:4] = 1
    boxes = {"boxes": np.array([[[2, 1, 4, 3]]], "float32"), "labels": np.array([[1]])}
    layer = layers.Resizing(20, 20, "nearest", crop_to_aspect_ratio=True, **XYXY)
    out = layer({"images": images, "bounding_boxes": boxes})
    np.testing.assert_array_equal(seen(out["images"][0]), [5, 0, 10, 5])
    np.testing.assert_allclose(out["bounding_boxes"]["boxes"], [[[5, 0, 10, 5]]], atol=1e-5)


def test_a_flip_clips_boxes_and_keeps_what_it_was_given():
    """Keras clips fractions of the size at the size in pixels, and overwrites the dict."""
    images, _ = painted(SIDES[:1])
    boxes = {"boxes": np.array([[[-5.0, 10, 20, 50], [61, 0, 70, 5]]]), "labels": np.array([[1, 2]])}
    given = {"images": images, "bounding_boxes": boxes}
    layer = layers.RandomFlip("horizontal", **XYXY)
    flips = {"flips": np.array([[True]]), "input_shape": images.shape}
    out = layer.transform_bounding_boxes(boxes, flips)
    np.testing.assert_array_equal(out["boxes"], [[[40, 10, 60, 40], [0, 0, 0, 5]]])
    np.testing.assert_array_equal(out["labels"], [[1, -1]])
    layer(given, training=True)
    assert given["images"] is images and given["bounding_boxes"] is boxes and boxes["boxes"][0, 0, 0] == -5


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["yxyx", "rel_center_xywh"])
@pytest.mark.parametrize("case", ["small rotation", "perspective", "shear along x", "crop"])
def test_every_format_is_read_and_written(kind, case):
    """Keras's RandomRotation reads, and its RandomPerspective writes, "xyxy" whatever the format is."""
    images, boxes = painted()
    layer, other = (GEOMETRY[case][0]() for _ in range(2))
    other.bounding_box_format = kind
    convert = minidl.utils.bounding_boxes.convert_format
    given = {**boxes, "boxes": convert(boxes["boxes"], "xyxy", kind, HEIGHT, WIDTH)}
    want = layer({"images": images, "bounding_boxes": boxes}, training=True)
    out = other({"images": images, "bounding_boxes": given}, training=True)
    height, width = out["images"].shape[1:3]
    np.testing.assert_array_equal(out["bounding_boxes"]["labels"], want["bounding_boxes"]["labels"])
    corners = convert(out["bounding_boxes"]["boxes"], kind, "xyxy", height, width)
    np.testing.assert_allclose(corners, want["bounding_boxes"]["boxes"], atol=1e-3)


LIKE_KERAS = {
    "RandomRotation": {"factor": 0.02},
    "RandomZoom": {"height_factor": (0.1, 0.4), "width_factor": (0.2, 0.3)},
    "RandomPerspective": {"factor": (0.5, 1.0), "scale": 0.1},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LIKE_KERAS)
def test_live_keras_moves_centers_of_pixels_as_minidl_moves_edges(name):
    """Half a pixel is subtracted for Keras and added after it; no box is near the edge, where it would be clipped."""
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow", reason="Keras's own preprocessing layers need it")
    images, boxes = painted(SIDES[2:3].repeat(4, 0))
    ours, theirs = (getattr(kind.layers, name)(**LIKE_KERAS[name], **SEEDED) for kind in (minidl, keras))
    drawn = ours.get_random_transformation(images), theirs.get_random_transformation(images)
    shifted = {"boxes": jax.numpy.asarray(boxes["boxes"] - 0.5), "labels": boxes["labels"]}
    want = theirs.transform_bounding_boxes(shifted, drawn[1])["boxes"] + 0.5
    np.testing.assert_allclose(ours.transform_bounding_boxes(boxes, drawn[0])["boxes"], want, atol=1e-3)


@pytest.mark.slow
def test_a_horizon_in_the_image():
    """Half of the box is beyond it: what is left is around the visible part, and finite."""
    layer = layers.RandomPerspective(**SEEDED)
    start = np.array([[[0, 0], [59, 0], [0, 39], [59, 39]]], "float32")
    end = np.array([[[0, 0], [80, 0], [0, 55], [30, 20]]], "float32")  # the last corner is inside of the triangle
    sides = np.array([[2, 2, 58, 38], [45, 25, 58, 38]])
    images, boxes = painted(sides)
    points = {"start_points": start, "end_points": end, "input_shape": (HEIGHT, WIDTH, 1)}
    drawn = {"apply_perspective": np.array([True]), **points}
    for image, own in zip(images, boxes["boxes"]):
        out = layer.transform_bounding_boxes({"boxes": own, "labels": np.array([7])}, drawn)
        moved = layer.transform_images(jax.numpy.asarray(image), {**points, "apply_perspective": True})
        box = seen(moved)
        assert (out["boxes"][0, :2] <= box[:2] + 1).all() and (out["boxes"][0, 2:] >= box[2:] - 1).all()
        assert np.isfinite(out["boxes"]).all() and out["labels"][0] == 7


@pytest.mark.slow
def test_a_shear_onto_a_line_gives_finite_boxes():
    layer = layers.RandomShear((1.0, 1.0), (1.0, 1.0), **SEEDED)
    images, boxes = painted()
    drawn = layer.get_random_transformation(images)
    for transforms in (drawn["transforms"], np.array([[1, 1, 0, 1, 1, 0, 0, 0]], "float32").repeat(5, 0)):
        out = layer.transform_bounding_boxes(boxes, {**drawn, "transforms": transforms})
        assert np.isfinite(out["boxes"]).all()


@pytest.mark.slow
def test_a_policy_moves_boxes_in_the_order_of_the_images():
    """Keras applies each augmentation once to the boxes, in the order of its table, whatever was drawn."""
    images, boxes = painted()
    layer = layers.RandAugment(num_ops=3, factor=0.2, **SEEDED)
    which, drawn = layer.get_random_transformation(images)
    which = np.array([2, 0, 2])  # rotation, shear, rotation
    want = boxes
    for number in which:
        want = layer.numbered[number].transform_bounding_boxes(want, drawn[number])
    out = layer.transform_bounding_boxes(boxes, (jax.numpy.asarray(which), drawn))
    np.testing.assert_allclose(out["boxes"], want["boxes"], atol=1e-3)
    assert not np.allclose(out["boxes"], boxes["boxes"], atol=1)
    called = layer({"images": images, "bounding_boxes": boxes}, training=True)["bounding_boxes"]
    assert called["boxes"].shape == (5, 1, 4)


@pytest.mark.slow
def test_mixed_images_have_the_boxes_and_the_labels_of_both():
    """Keras concatenates the labels along the batch."""
    images, boxes = painted()
    labels = np.arange(5, dtype="int32")[:, None]
    given = {"images": images, "bounding_boxes": {"boxes": boxes["boxes"], "labels": labels}}
    layer = layers.MixUp(0.5, **SEEDED)
    out = layer(given, training=True)["bounding_boxes"]
    assert out["boxes"].shape == (5, 2, 4) and out["labels"].shape == (5, 2)
    np.testing.assert_array_equal(out["boxes"], boxes["boxes"][out["labels"]][:, :, 0])
    np.testing.assert_array_equal(layer(given, training=False)["bounding_boxes"]["labels"], labels)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ContrastLimitedAdaptiveHistogramEqualization", "RandomGrayscale"])
def test_colors_leave_boxes_as_they_were(name):
    """Keras raises."""
    _, boxes = painted()
    images = np.repeat(painted()[0], 3, -1)
    out = getattr(layers, name)(**XYXY)({"images": images, "bounding_boxes": boxes}, training=True)
    np.testing.assert_array_equal(out["bounding_boxes"]["boxes"], boxes["boxes"])


def test_labels_may_be_vectors_and_other_entries_are_kept():
    images, boxes = painted()
    scores = np.ones((5, 1), "float32")
    moved = boxes["boxes"] + 60 * (np.arange(5) == 2)[:, None, None]
    given = {"boxes": moved, "labels": np.ones((5, 1, 3), "float32"), "s": scores}
    out = layers.CenterCrop(HEIGHT, WIDTH, **XYXY)({"images": images, "bounding_boxes": given})["bounding_boxes"]
    np.testing.assert_array_equal(out["labels"][:, 0], np.where(np.arange(5) == 2, -1, 1)[:, None].repeat(3, 1))
    np.testing.assert_array_equal(out["s"], scores)


def test_as_many_boxes_for_each_image():
    boxes, labels = np.arange(40.0, dtype="float32").reshape(2, 5, 4), np.arange(10).reshape(2, 5)
    given = {"images": np.zeros((2, 8, 8, 1), "float32"), "bounding_boxes": {"boxes": boxes, "labels": labels}}
    fewer, more = (layers.MaxNumBoundingBoxes(number, -3, **XYXY)(given)["bounding_boxes"] for number in (2, 6))
    np.testing.assert_array_equal(fewer["boxes"], boxes[:, :2])
    np.testing.assert_array_equal(more["labels"], [[0, 1, 2, 3, 4, -3], [5, 6, 7, 8, 9, -3]])
    np.testing.assert_array_equal(more["boxes"][:, 5], np.full((2, 4), -3))
    one = layers.MaxNumBoundingBoxes(6, **XYXY)(jax.tree.map(lambda array: array[1], given))["bounding_boxes"]
    np.testing.assert_array_equal(one["boxes"], [*boxes[1], [-1] * 4])
    np.testing.assert_array_equal(one["labels"], [5, 6, 7, 8, 9, -1])


def test_settings_of_the_number_of_boxes_are_in_the_config():
    """Keras's config lacks the fill_value."""
    config = layers.MaxNumBoundingBoxes(6, -3).get_config()
    assert config["max_number"] == 6 and config["fill_value"] == -3


def detector():
    """A model of a pipeline with boxes, which learns the center of the only box."""
    inputs = {
        "images": minidl.Input((HEIGHT, WIDTH, 1)),
        "bounding_boxes": {"boxes": minidl.Input((1, 4)), "labels": minidl.Input((1,), dtype="int32")},
    }
    augmented = layers.Pipeline(
        [layers.RandomFlip(**SEEDED), layers.RandomRotation(0.02, **SEEDED), layers.Resizing(20, 30, **XYXY)]
    )(inputs)
    boxes = augmented["bounding_boxes"]["boxes"]
    return minidl.Model(inputs, layers.Dense(1)(layers.Flatten()(boxes)))


@pytest.mark.slow
def test_in_fit():
    images, boxes = painted()
    model = detector()
    model.compile("sgd", "mse")
    history = model.fit({"images": images, "bounding_boxes": boxes}, np.zeros((5, 1)), batch_size=5, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_no_boxes_cost_nothing():
    """The program of a layer with a format is that of one without."""
    plain, other = layers.RandomZoom(0.2, seed=1), layers.RandomZoom(0.2, **{**SEEDED, "seed": 1})
    state = [[variable.value for variable in layer.variables] for layer in (plain, other)]
    programs = [
        str(jax.make_jaxpr(lambda s, x, layer=layer: layer.stateless_call([], s, x, training=True))(s, painted()[0]))
        for layer, s in zip((plain, other), state)
    ]
    assert programs[0] == programs[1]


def test_a_method_of_the_users_replaces_the_map():
    class Marked(layers.RandomFlip):
        def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
            return {**bounding_boxes, "flips": transformation["flips"].reshape(-1)}

    images, boxes = painted()
    out = Marked(**SEEDED)({"images": images, "bounding_boxes": boxes}, training=True)
    assert out["bounding_boxes"]["flips"].shape == (5,)


def test_configs_have_the_format():
    layer = layers.RandAugment(bounding_box_format="rel_xyxy")
    again = layers.RandAugment.from_config(layer.get_config())
    assert again.bounding_box_format == again.random_shear.bounding_box_format == "rel_xyxy"
    assert "bounding_box_format" not in layers.RandomFlip().get_config()


def test_in_a_pipeline_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    images, boxes = painted()
    data = tf.data.Dataset.from_tensor_slices({"images": images, "bounding_boxes": boxes}).batch(5)
    out = next(iter(data.map(GEOMETRY["padded to the aspect ratio"][0]())))
    assert_around(jax.tree.map(np.asarray, out), 0.5)


BATCH = np.zeros((2, 8, 8, 1), "float32")
TWO, LABELS = np.zeros((2, 3, 4), "float32"), np.zeros((2, 3), "int32")


@pytest.mark.parametrize(
    ("layer", "boxes", "says"),
    [
        (layers.RandomFlip(), {"boxes": TWO, "labels": LABELS}, r"RandomFlip.*bounding_box_format='xyxy'"),
        (layers.AutoContrast(), {"boxes": TWO, "labels": LABELS}, "AutoContrast.* no bounding_box_format"),
        (layers.RandomZoom(0.1, **XYXY), {"boxes": TWO}, "RandomZoom.*dict with 'boxes' and 'labels'"),
        (layers.RandomZoom(0.1, **XYXY), TWO, "RandomZoom.*dict with 'boxes' and 'labels'"),
        (layers.CenterCrop(4, 4, **XYXY), {"boxes": TWO[..., :3], "labels": LABELS}, r"CenterCrop.*\(2, 3, 3\)"),
        (layers.CenterCrop(4, 4, **XYXY), {"boxes": TWO[:1], "labels": LABELS[:1]}, r"CenterCrop.*\(1, 3, 4\)"),
        (layers.CenterCrop(4, 4, **XYXY), {"boxes": TWO, "labels": LABELS[:, :2]}, r"a label.*\(2, 2\)"),
        (layers.Resizing(4, 4, **XYXY), {"boxes": [[[1, 2, 3, 4]]], "labels": [[1]]}, "Resizing.*arrays, got list"),
        (layers.RandomRotation(0.1, **XYXY), {"boxes": TWO[0], "labels": LABELS[0]}, r"\(batch, boxes, 4\)"),
        (layers.MixUp(**XYXY), {"boxes": TWO[0], "labels": LABELS[0]}, r"MixUp.*\(batch, boxes, 4\)"),
    ],
)
def test_refused(layer, boxes, says):
    with pytest.raises(ValueError, match=says):
        layer({"images": BATCH, "bounding_boxes": boxes}, training=True)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [layers.CutMix(**XYXY), layers.RandomElasticTransform(**XYXY)])
def test_layers_that_move_parts_of_an_object_take_no_boxes(layer):
    with pytest.raises(NotImplementedError, match=f"{type(layer).__name__} takes no bounding_boxes.*Leave them out"):
        layer({"images": BATCH, "bounding_boxes": {"boxes": TWO, "labels": LABELS}}, training=True)


def test_an_unknown_format():
    with pytest.raises(ValueError, match="RandomFlip: a format of bounding boxes is one of xyxy.*'ltrb'"):
        layers.RandomFlip(bounding_box_format="ltrb")
    with pytest.raises(ValueError, match="max_number"):
        layers.MaxNumBoundingBoxes(-1)
