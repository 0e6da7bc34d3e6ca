"""Image operations under Keras's names; many are functions of `jax.image` and `jax.scipy.ndimage`."""

from minidl.ops.image.colors import *  # noqa: F403
from minidl.ops.image.filters import *  # noqa: F403
from minidl.ops.image.sampling import *  # noqa: F403
from minidl.ops.image.sizes import *  # noqa: F403
