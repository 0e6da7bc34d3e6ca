"""RemoteMonitor: send the logs of every epoch to a server."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from minidl.callbacks.base import Callback, Logs
from minidl.core.optional import needed
from minidl.core.tracebacks import warn


class RemoteMonitor(Callback):
    """Post the logs of every epoch, and its number as `epoch`, as JSON to `root + path`.

    Needs the package requests. If the server does not answer, there is a warning and training continues.

    Args:
        root: the address of the server.
        path: the path on the server.
        field: the form field of the JSON, without send_as_json.
        headers: HTTP headers.
        send_as_json: send JSON instead of a form.

    Raises:
        ImportError: when training begins, requests is not installed.
    """

    first_process_only = True

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ):
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_train_begin(self, logs: Logs = None) -> None:
        """Check that requests is installed."""
        needed("requests", "RemoteMonitor", "requests")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Send the logs."""
        requests = needed("requests", "RemoteMonitor", "requests")
        plain = {name: np.asarray(value).tolist() for name, value in (logs or {}).items()}
        message = {"epoch": epoch, **plain}
        body: dict[str, Any] = {"json": message} if self.send_as_json else {"data": {self.field: json.dumps(message)}}
        try:
            requests.post(self.root + self.path, headers=self.headers, **body)
        except requests.exceptions.RequestException as error:
            warn(f"RemoteMonitor: epoch {epoch + 1} could not be sent to {self.root}: {error}")
