"""Images of Pillow and arrays of pixels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core.typing import Array, ArrayLike
from minidl.ops import image as ops
from minidl.utils import array_to_img, img_to_array, load_img, save_img

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]


def smart_resize(
    x: ArrayLike, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> np.ndarray | Array:
    """Crop images to the aspect ratio of a size, and resize them to it.

    Args:
        x: an image or a batch of images.
        size: (height, width) of the result.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".

    Returns:
        A NumPy array for one, else a JAX array; of floats, or of the dtype of `x` for "nearest".

    Raises:
        ValueError: not images, an unknown interpolation, or a size that is not two integers.

    Example:
    >>> smart_resize(np.zeros((6, 4, 3)), (2, 2)).shape
    (2, 2, 3)
    """
    if len(size) != 2:
        raise ValueError(f"smart_resize: size must be (height, width), got {size!r}.")
    images = jnp.asarray(x)
    if images.ndim not in (3, 4):
        raise ValueError(f"smart_resize: expected an image or a batch of images, got the shape {images.shape}.")
    if interpolation != "nearest" and not jnp.issubdtype(images.dtype, jnp.floating):
        images = images.astype("float32")
    resized = ops.resize(images, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    return resized if isinstance(x, jax.Array) else np.asarray(resized)
