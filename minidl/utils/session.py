"""clear_session: reset the global state of minidl."""

from __future__ import annotations

import gc

from minidl import random
from minidl.core import dtypes, naming


def clear_session(free_memory: bool = True) -> None:
    """Reset global state: the counters of automatic names, the unseeded generator, the dtype policy.

    Existing models and layers are not changed. Call it in a loop that builds models, to get the same names each time.
    The settings of `set_floatx` and `set_epsilon` are kept.

    Args:
        free_memory: whether to run the garbage collector, which may take a moment.

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
