"""The version, readable without importing the rest."""

__version__ = "0.1.0"


def version() -> str:
    """The version of minidl.

    >>> version() == __version__
    True
    """
    return __version__
