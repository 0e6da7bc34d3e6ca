"""Starting anew within one Python process."""

from __future__ import annotations

import gc

from minidl import random
from minidl.core import dtypes, naming


def clear_session(free_memory: bool = True) -> None:
    """Forget what minidl remembers between models: automatic names, the unseeded generator, the dtype policy.

    Models and layers that exist stay as they are. A program that builds models in a loop calls it to have the same
    names each time. What `set_floatx` and `set_epsilon` set stays.

    Args:
        free_memory: whether to collect garbage at once, which may take a moment.

    Example:
    >>> clear_session()
    >>> naming.auto_name("Dense"), naming.auto_name("Dense")
    ('dense', 'dense_1')
    >>> clear_session()
    >>> naming.auto_name("Dense")
    'dense'
    """
    naming.reset_names()
    random.reset_generator()
    dtypes.reset_dtype_policy()
    if free_memory:
        gc.collect()
