"""From the file of an image to its pixels, as TensorFlow decodes them for Keras.

JPEGs go through simplejpeg where it is installed (`pip install 'minidl[images]'`): it is faster than Pillow, and takes
the fast discrete cosine transform, whose values are TensorFlow's to the last bit. Pillow's differ from these by up to 4
of 255. All other files are read by Pillow.
"""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np

from minidl.core.memory import scratch
from minidl.core.optional import found
from minidl.utils.images import pillow

_JPEG = b"\xff\xd8\xff"
_SPACES = {"RGB": ("RGB", 3), "L": ("GRAY", 1)}  # mode of Pillow -> colour space of simplejpeg, and its channels


def decode(path: str, mode: str) -> np.ndarray:
    """The first frame of an image, in memory that the next call in this thread may use again.

    Args:
        path: the file.
        mode: "RGB", "RGBA" or "L".

    Output shape: (height, width, channels), uint8.

    Raises:
        ValueError: it is not the file of an image, or damaged, or of so many pixels that Pillow refuses it.
    """
    with open(path, "rb", buffering=0) as file:
        content = file.read()
    module = _pillow()
    try:
        if content.startswith(_JPEG) and mode in _SPACES and (jpeg := found("simplejpeg")) is not None:
            height, width, space, _ = jpeg.decode_jpeg_header(content)
            if space not in ("CMYK", "YCCK") and height * width <= (module.MAX_IMAGE_PIXELS or np.inf):
                colours, channels = _SPACES[mode]
                pixels = scratch("decoded", (height, width, channels), "uint8")
                jpeg.decode_jpeg(content, colours, fastdct=True, buffer=pixels)
                return pixels
        return _decode(module, content, mode)
    except (OSError, SyntaxError, ValueError, module.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}. Remove it from the folder.") from error


def _decode(module: Any, content: bytes, mode: str) -> np.ndarray:
    with module.open(io.BytesIO(content)) as image:
        if mode == "L":
            image.draft("L", image.size)  # a JPEG then gives its own brightness
        if image.mode.startswith("I"):  # 16 bits, of which Pillow would cut off the upper ones
            image = module.fromarray((np.asarray(image) >> 8).astype("uint8"))
        pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


@functools.cache  # asking for the module takes a twentieth of the time of decoding
def _pillow() -> Any:
    return pillow("image_dataset_from_directory")
