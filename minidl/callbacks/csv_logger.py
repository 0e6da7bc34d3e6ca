"""CSVLogger: write the logs of every epoch to a CSV file."""

from __future__ import annotations

import csv
import os
import pathlib
from typing import Any, TextIO

import numpy as np

from minidl.callbacks.base import Callback, Logs
from minidl.core.tracebacks import warn


class CSVLogger(Callback):
    """Write a row to a CSV file after each epoch: its number, counted from 0, and its logs, in columns sorted by name.

    The columns are the logs of the first epoch, with `val_` columns added if it was not validated; or, when appending,
    those of the file. Missing values are "NA". Each row is fsynced at the end of its epoch.

    Args:
        filename: the path of the file; its folder must exist.
        separator: the string between columns.
        append: append to an existing file instead of replacing it.

    Raises:
        FileNotFoundError: when training begins, the folder does not exist.
        ValueError: when training begins, the file to append to is not a table with this separator.

    Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     logger = CSVLogger(folder + "/log.csv")
    ...     logger.on_train_begin()
    ...     logger.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.75})
    ...     logger.on_train_end()
    ...     print(pathlib.Path(folder, "log.csv").read_text().strip())
    epoch,loss,val_loss
    0,0.5,0.75
    """

    first_process_only = True

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False):
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._file: TextIO | None = None
        self._columns: list[str] | None = None  # None until the first row
        self._size = 0  # valid bytes of the file; the next row is written after them

    def on_train_begin(self, logs: Logs = None) -> None:
        """Open the file. An existing file is truncated at the first row, not before."""
        folder = pathlib.Path(self.filename).absolute().parent
        if not folder.is_dir():
            raise FileNotFoundError(
                f"CSVLogger: the folder {str(folder)!r} of {self.filename!r} does not exist. Create it first."
            )
        self._close()
        self._columns = None
        self._size = 0
        self._file = open(self.filename, "a", newline="", encoding="utf-8")
        if self.append:
            self._continue(os.path.getsize(self.filename))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write a row."""
        logs = logs or {}
        assert self._file is not None, "on_train_begin opens the file"
        writer = csv.writer(self._file, delimiter=self.separator)
        self._file.truncate(self._size)
        if self._columns is None:
            self._columns = _columns_for(logs)
            writer.writerow(["epoch", *self._columns])
        self._warn_of_new(logs)
        writer.writerow([epoch, *(_cell(logs.get(name, "NA")) for name in self._columns)])
        self._file.flush()
        os.fsync(self._file.fileno())
        self._size = os.path.getsize(self.filename)

    def on_train_end(self, logs: Logs = None) -> None:
        """Close the file."""
        self._close()

    def get_state(self) -> dict[str, Any]:
        """The number of bytes written."""
        return {"size": self._size}

    def set_state(self, state: dict[str, Any]) -> None:
        """Truncate the file to that size: rows of epochs that will be repeated are removed."""
        self._continue(min(state["size"], os.path.getsize(self.filename)))

    def _continue(self, size: int) -> None:
        """Read the columns of the file, and append after its first `size` bytes."""
        assert self._file is not None, "on_train_begin opens the file"
        with open(self.filename, "rb") as file:
            rows = file.read(size)
        self._size = len(rows)
        if not rows:
            return
        if not rows.endswith(b"\n"):
            self._file.write("\r\n")
            self._file.flush()
            self._size += 2
        header = next(csv.reader([rows.decode("utf-8").splitlines()[0]], delimiter=self.separator))
        if header[0] != "epoch":
            raise ValueError(
                f"CSVLogger: cannot append to {self.filename!r}: its first line is {header}, which does not begin with "
                f"'epoch'. Give the separator {self.separator!r} that it was written with, another filename, or "
                "append=False."
            )
        self._columns = header[1:]

    def _warn_of_new(self, logs: dict[str, Any]) -> None:
        new = sorted(logs.keys() - set(self._columns or ()))
        if new:
            warn(f"CSVLogger: {self.filename!r} has no column for {', '.join(new)}: not written.")

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _columns_for(logs: dict[str, Any]) -> list[str]:
    names = sorted(logs)
    validated = any(name.startswith("val_") for name in names)
    return names if validated else [*names, *(f"val_{name}" for name in names)]


def _cell(value: Any) -> Any:
    """Scalars and strings as they are; arrays in Keras's format, `"[1.0, 2.0]"` with the quotes."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
