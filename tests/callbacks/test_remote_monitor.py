"""RemoteMonitor: what a server gets, compared with what it gets from Keras."""

import http.server
import json
import sys
import threading

import numpy as np
import pytest

import minidl
from minidl.callbacks import RemoteMonitor


@pytest.fixture
def server():
    """A server; `server.got` holds the path, the kind and the contents of what was posted to it."""
    pytest.importorskip("requests")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], self.headers["X-Run"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    got = []
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.got = got
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.mark.parametrize(
    "settings", [{}, {"send_as_json": True}, {"path": "/here", "field": "f", "headers": {"X-Run": "7"}}]
)
def test_the_server_gets_what_keras_sends(server, settings):
    keras = pytest.importorskip("keras")
    for library in (keras, minidl):
        monitor = library.callbacks.RemoteMonitor(f"http://127.0.0.1:{server.server_port}", **settings)
        monitor.on_epoch_end(3, {"loss": 0.5, "accuracy": np.float32(0.25)})
    theirs, ours = server.got
    assert ours == theirs


def test_the_message_is_json(server):
    monitor = RemoteMonitor(f"http://127.0.0.1:{server.server_port}", send_as_json=True)
    monitor.on_train_begin()
    monitor.on_epoch_end(3, {"loss": 0.5, "per_class": np.array([0.5, 0.25])})
    [(path, kind, _, body)] = server.got
    assert (path, kind) == ("/publish/epoch/end/", "application/json")
    assert json.loads(body) == {"epoch": 3, "loss": 0.5, "per_class": [0.5, 0.25]}


def test_a_server_that_does_not_answer_is_a_warning():
    pytest.importorskip("requests")
    with pytest.warns(UserWarning, match="RemoteMonitor: epoch 4 could not be sent to http://127.0.0.1:9: "):
        RemoteMonitor("http://127.0.0.1:9").on_epoch_end(3, {"loss": 0.5})


def test_missing_packages_are_reported_before_training(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(ImportError, match="needs requests. Install it: pip install 'requests'"):
        RemoteMonitor().on_train_begin()
