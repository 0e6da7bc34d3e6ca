"""The one error for files that cannot be read."""


class LoadError(ValueError):
    """A file or config that was not loaded: damaged, of another kind, not safe, or not of this model.

    Whatever a file holds, loading it gives what was saved, or this error; the model is then as it was.
    """
