"""The error for files that cannot be read, also as what else it is."""


class LoadError(ValueError):
    """A file or config that was not loaded: damaged, of another kind, not safe, or not of this model.

    Whatever a file holds, loading it gives what was saved, or this error; the model is then as it was.
    """


class LoadTypeError(LoadError, TypeError):
    """A file or config that was not loaded since a class could not be made of what it holds for it."""


class MissingFileError(LoadError, FileNotFoundError):
    """A file that was not loaded since there is none."""
