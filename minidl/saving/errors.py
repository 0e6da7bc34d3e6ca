"""Errors of loading: `LoadError`, and its subclasses that are also built-in errors."""


class LoadError(ValueError):
    """A file or config could not be loaded: damaged, of another format, unsafe, or not matching the model.

    Loading any file either returns what was saved, or raises this error and leaves the model unchanged.
    """


class LoadTypeError(LoadError, TypeError):
    """A class could not be constructed from the data that a file or config has for it."""


class MissingFileError(LoadError, FileNotFoundError):
    """The file does not exist."""
