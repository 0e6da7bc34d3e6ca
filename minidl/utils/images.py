"""Images of Pillow and arrays of pixels. Pillow is imported when one of these functions is first called."""

from __future__ import annotations

import io
import os
import pathlib
from typing import Any

import numpy as np

from minidl import config
from minidl.core import dtypes
from minidl.core.optional import needed
from minidl.core.tracebacks import warn
from minidl.core.typing import ArrayLike, DType

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_GRAYSCALE = ("L", "I;16", "I")  # kept as they are: of 8, 16 and 32 bits
_METHODS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")

Image = Any  # PIL.Image.Image


def pillow(user: str) -> Any:
    """The module `PIL.Image`.

    Raises:
        ImportError: Pillow is not installed.
    """
    return needed("PIL.Image", user, "minidl[images]")


def load_img(
    path: str | bytes | os.PathLike[str] | io.BytesIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image:
    """An image from a file, as Pillow has it.

    Args:
        path: the file, or its contents as `BytesIO`.
        color_mode: "rgb", "rgba", or "grayscale" (images of 16 and 32 bits keep them).
        target_size: (height, width) to resize to; None for the size that it has.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos", with Pillow's antialiasing.
        keep_aspect_ratio: whether to crop to the aspect ratio of `target_size` first, rather than to distort.

    Returns:
        A `PIL.Image.Image`; `img_to_array` makes an array of it.

    Raises:
        ValueError: an unknown color_mode or interpolation.
        TypeError: something else than a path.
        OSError: not the file of an image.
        ImportError: Pillow is not installed.

    Example:
    >>> file = io.BytesIO()
    >>> save_img(file, np.zeros((4, 6, 3)), file_format="png")
    >>> load_img(file, target_size=(2, 3)).size
    (3, 2)
    """
    module = pillow("load_img")
    if color_mode not in MODES:
        raise ValueError(f"load_img: color_mode must be one of {list(MODES)}, got {color_mode!r}.")
    if interpolation not in _METHODS:
        raise ValueError(f"load_img: interpolation must be one of {list(_METHODS)}, got {interpolation!r}.")
    if isinstance(path, io.BytesIO):
        image = module.open(path)
    elif isinstance(path, (str, bytes, os.PathLike)):
        image = module.open(io.BytesIO(pathlib.Path(os.fsdecode(path)).read_bytes()))
    else:
        raise TypeError(f"load_img: expected a path or BytesIO, got {type(path).__name__}.")
    if color_mode != "grayscale" or image.mode not in _GRAYSCALE:
        image = image.convert(MODES[color_mode])
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    size = target_size[1], target_size[0]
    box = centred_box(image.size, size) if keep_aspect_ratio else None
    return image.resize(size, getattr(module.Resampling, interpolation.upper()), box=box)


def img_to_array(img: Image, data_format: str | None = None, dtype: DType | None = None) -> np.ndarray:
    """An image as an array of pixels.

    Args:
        img: a `PIL.Image.Image`, or an array of 2 or 3 axes.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dtype: of the array; None for `minidl.config.floatx()`.

    Output shape: (height, width, channels), or (channels, height, width); one channel for grayscale.

    Raises:
        ValueError: another number of axes, or an unknown data_format.

    Example:
    >>> img_to_array(np.zeros((4, 6))).shape
    (4, 6, 1)
    """
    last = is_channels_last("img_to_array", data_format)
    pixels = np.asarray(img, dtype=dtypes.floatx() if dtype is None else np.dtype(dtype))
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    elif pixels.ndim != 3:
        raise ValueError(f"img_to_array: an image has 2 or 3 axes, got the shape {pixels.shape}.")
    elif last:
        return pixels
    return pixels if last else pixels.transpose(2, 0, 1)


def array_to_img(x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: DType | None = None) -> Image:
    """An array of pixels as an image.

    Args:
        x: array of shape (height, width, channels), or (channels, height, width), with 1, 3 or 4 channels.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        scale: whether to shift and scale the values to 0 to 255. Without it they are truncated to integers; one channel
            with values above 255 becomes an image of 32 bits.
        dtype: that the values are computed in; None for `minidl.config.floatx()`.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ValueError: another shape, or an unknown data_format.
        ImportError: Pillow is not installed.

    Example:
    >>> array_to_img(np.zeros((4, 6, 3))).size
    (6, 4)
    """
    module = pillow("array_to_img")
    last = is_channels_last("array_to_img", data_format)
    pixels = np.asarray(x, dtype=dtypes.floatx() if dtype is None else np.dtype(dtype))
    if pixels.ndim == 3 and not last:
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3, 4):
        raise ValueError(f"array_to_img: expected one image with 1, 3 or 4 channels, got the shape {np.shape(x)}.")
    if scale and pixels.size:
        pixels = pixels - pixels.min()
        largest = pixels.max()
        pixels = (pixels / largest if largest else pixels) * 255
    if pixels.shape[-1] > 1:
        return module.fromarray(np.ascontiguousarray(pixels.astype("uint8")))
    is_wide = pixels.size and pixels.max() > 255
    return module.fromarray(np.ascontiguousarray(pixels[:, :, 0].astype("int32" if is_wide else "uint8")))


def save_img(
    path: Any,
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Save an array of pixels as the file of an image.

    Args:
        path: the file, or an object with `write`.
        x: as in `array_to_img`.
        data_format: as in `array_to_img`.
        file_format: "png", "jpeg", ...; None for the extension of the path.
        scale: as in `array_to_img`.
        **kwargs: for `PIL.Image.Image.save`, such as `quality`.

    Raises:
        ValueError: an invalid array or data_format.
        ImportError: Pillow is not installed.

    Example:
    >>> save_img(io.BytesIO(), np.zeros((4, 6, 3)), file_format="png")
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = pathlib.Path(path).suffix[1:]
    file_format = {"jpg": "jpeg"}.get((file_format or "").lower(), file_format)
    if image.mode == "RGBA" and (file_format or "").lower() == "jpeg":
        warn("save_img: JPEG has no transparency; the fourth channel is left out.")
        image = image.convert("RGB")
    image.save(path, format=file_format or None, **kwargs)


def centred_box(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest centred part of an image with another aspect ratio: left, top, right, bottom.

    >>> centred_box((500, 340), (200, 200))
    (80, 0, 420, 340)
    """
    width, height = size
    wide, high = min(width, height * wanted[0] // wanted[1]), min(height, width * wanted[1] // wanted[0])
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


def is_channels_last(call: str, data_format: str | None) -> bool:
    """Whether channels are the last axis.

    Raises:
        ValueError: an unknown data format.
    """
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"{call}: data_format must be 'channels_last' or 'channels_first', got {data_format!r}.")
    return data_format == "channels_last"
