"""Functions of bounding boxes: what is refused and what is kept. Their numbers are in references/bounding_boxes.py."""

import jax
import numpy as np
import pytest

from minidl.utils import bounding_boxes as boxes

ONE = np.array([[1.0, 2.0, 3.0, 6.0]], "float32")
SEVEN = np.zeros(7, "float32")


@pytest.mark.parametrize(
    ("error", "said", "call"),
    [
        (ValueError, "xyz", lambda: boxes.convert_format(ONE, "xyz", "xyxy")),
        (ValueError, "xyz", lambda: boxes.convert_format(ONE, "xyxy", "xyz")),
        (ValueError, "height", lambda: boxes.convert_format(ONE, "xyxy", "rel_xyxy", width=3)),
        (ValueError, "height", lambda: boxes.convert_format(ONE, "rel_xywh", "rel_xyxy")),
        (ValueError, r"\(7,\)", lambda: boxes.convert_format(SEVEN, "xyxy", "xywh")),
        (ValueError, "height", lambda: boxes.clip_to_image_size({"boxes": ONE}, height=4)),
        (NotImplementedError, "xywh", lambda: boxes.clip_to_image_size({"boxes": ONE}, 4, 4, "xywh")),
        (NotImplementedError, "xywh", lambda: boxes.crop(ONE, 0, 0, 2, 2, "xywh")),
        (NotImplementedError, "xywh", lambda: boxes.pad(ONE, 0, 0, bounding_box_format="xywh")),
        (NotImplementedError, "xywh", lambda: boxes.affine_transform(ONE, *SEVEN[:6], 4, 4, None, None, "xywh")),
        (ValueError, "four numbers", lambda: boxes.encode_box_to_deltas(ONE, ONE, "xyxy", "xyxy", variance=[1, 2])),
        (ValueError, "encoding_format", lambda: boxes.encode_box_to_deltas(ONE, ONE, "xyxy", "xyxy", "xyxy")),
        (ValueError, "four numbers", lambda: boxes.decode_deltas_to_boxes(ONE, ONE, "xyxy", "xyxy", variance=[1, 2])),
        (ValueError, "encoded_format", lambda: boxes.decode_deltas_to_boxes(ONE, ONE, "xyxy", "xyxy", "xyxy")),
        (ValueError, "rank", lambda: boxes.compute_iou(ONE[0], ONE, "xyxy")),
        (ValueError, "height", lambda: boxes.compute_iou(ONE, ONE, "rel_yxyx")),
        (ValueError, "height", lambda: boxes.compute_ciou(ONE, ONE, "rel_xyxy")),
    ],
)
def test_what_is_refused(error, said, call):
    with pytest.raises(error, match=said):
        call()


def test_a_dict_keeps_its_boxes_and_other_entries():
    given = {"boxes": ONE, "labels": np.array([3]), "scores": np.array([0.5])}
    converted = boxes.convert_format(given, "xyxy", "xywh")
    np.testing.assert_array_equal(given["boxes"], ONE)
    np.testing.assert_array_equal(converted["boxes"], [[1, 2, 2, 4]])
    assert converted["labels"] is given["labels"] and converted["scores"] is given["scores"]


def test_one_hot_labels_of_boxes_outside_of_the_image_are_all_below_0():
    """Keras multiplies the axis of the classes with that of the boxes."""
    clipped = boxes.clip_to_image_size({"boxes": np.concatenate([ONE, ONE + 9]), "labels": np.eye(2, 5)}, 8, 8)
    np.testing.assert_array_equal(clipped["labels"], [[1, 0, 0, 0, 0], [-1] * 5])


def test_padding_is_masked_in_boxes_of_one_image():
    """Keras transposes the mask of the second boxes by the rank of the first, and raises."""
    padded = np.concatenate([ONE, np.full((1, 4), -1, "float32")])
    masked = boxes.compute_iou(ONE, padded[None], "xyxy", use_masking=True)
    np.testing.assert_allclose(masked, [[[1.0, -1.0]]], rtol=1e-6)


def test_the_complete_iou_of_relative_boxes_is_that_in_pixels():
    """Keras refuses relative boxes with an image_shape, too."""
    found = boxes.compute_ciou(ONE / [8, 4, 8, 4], ONE[:, ::-1] / [8, 4, 8, 4], "rel_xyxy", image_shape=(4, 8, 3))
    np.testing.assert_allclose(found, boxes.compute_ciou(ONE, ONE[:, ::-1], "xyxy"), rtol=1e-5)


@pytest.mark.slow
def test_deltas_are_inverted_under_jit_and_have_gradients():
    anchors = np.array([[0.0, 0.0, 4.0, 5.0]], "float32")
    options = ("xyxy", "xywh", "center_xywh", [0.1, 0.1, 0.2, 0.2])

    @jax.jit
    def there_and_back(values):
        return boxes.decode_deltas_to_boxes(anchors, boxes.encode_box_to_deltas(anchors, values, *options), *options)

    np.testing.assert_allclose(there_and_back(ONE), ONE, rtol=1e-5)
    gradient = jax.grad(lambda values: boxes.compute_ciou(values, anchors, "xyxy").sum())(ONE)
    assert np.isfinite(gradient).all() and np.any(gradient)
