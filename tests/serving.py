"""A server on this machine that gives files as tests want them: whole, broken off, redirected, changed meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading


class Served:
    """What the server gives, and what it was asked for.

    Args:
        url: where it listens.
    """

    def __init__(self, url):
        self.url = url
        self.files = {}  # path -> bytes
        self.broken_after = {}  # path -> for each of the next connections, after how many bytes it ends
        self.redirects = {}  # path -> URL
        self.codes = {}  # path -> the status codes of the next answers
        self.ranges = True  # whether it can continue
        self.asked = []  # (path, Range header)

    def add(self, path, content):
        """Give a file; the URL and the SHA-256 of it."""
        self.files[path] = content
        return f"{self.url}/{path}", hashlib.sha256(content).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        served = self.server.served
        path = self.path.lstrip("/").partition("?")[0]
        served.asked.append((path, self.headers.get("Range")))
        if served.codes.get(path):
            self.send_error(served.codes[path].pop(0))
        elif path in served.redirects:
            self.send_response(302)
            self.send_header("Location", served.redirects[path])
            self.end_headers()
        elif path not in served.files:
            self.send_error(404)
        else:
            self.give(path, served)

    def give(self, path, served):
        content = served.files[path]
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if not served.ranges or self.headers.get("If-Range", tag) != tag:
            start = 0
        if start > len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = served.broken_after[path].pop(0) if served.broken_after.get(path) else len(content)
        self.wfile.write(content[start : start + end])

    def log_message(self, *args):
        """Nothing is printed."""


@contextlib.contextmanager
def serving():
    """A server for the time of a test."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.served = Served(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.served
        finally:
            server.shutdown()
            thread.join()
