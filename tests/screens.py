"""The displays of minidl as a user sees them: in terminals, in a notebook's page and in TensorBoard, by a browser.

    python -m tests.screens FOLDER

writes a picture of each into the folder. It needs Chromium, tmux, nbclient, ipykernel and TensorBoard; tests that read
what is on them need pypdf, too.
"""

from __future__ import annotations

import contextlib
import html
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTHS = (80, 40)
PAGES = ("timeseries", "graphs", "histograms", "images")

TRAIN = """
    import numpy as np
    import minidl as keras

    keras.utils.set_random_seed(0)
    x, y = np.random.rand(2000, 8, 8, 1).astype("float32"), np.random.randint(0, 3, 2000)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu", name="edges"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, activation="softmax", name="classes"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""
FIT = """
    history = model.fit(x, y, epochs=3, validation_split=0.2)
"""
LOGGED = """
    logger = keras.callbacks.TensorBoard({folder!r}, histogram_freq=1, write_images=True)
    model.fit(x, y, epochs=3, validation_split=0.2, verbose=0, callbacks=[logger])
"""
STYLE = "<meta charset='utf-8'><style>body {font: 14px sans-serif; margin: 1em} pre {font: 13px monospace}</style>"


def terminal(columns: int, rows: int = 24) -> list[str]:
    """The rows of a tmux window of that width after `fit`, without those that are empty."""
    name, program = f"minidl-{columns}-{time.monotonic_ns()}", textwrap.dedent(TRAIN + FIT)
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(program)
        file.flush()
        command = f"env -u COLUMNS -u LINES {sys.executable} {file.name}; tmux wait-for -S {name}; sleep 60"
        size = ["-x", str(columns), "-y", str(rows)]
        subprocess.run(["tmux", "new-session", "-d", "-s", name, *size, command], check=True)
        try:
            subprocess.run(["tmux", "wait-for", name], check=True, timeout=120)
            shown = subprocess.run(
                ["tmux", "capture-pane", "-p", "-t", name], check=True, capture_output=True, text=True
            )
        finally:
            subprocess.run(["tmux", "kill-session", "-t", name], check=True)
    return [row for row in shown.stdout.splitlines() if row.strip()]


def notebook(folder: pathlib.Path) -> str:
    """The address of a page with what cells of a notebook show: the summary, fit, and the history."""
    import nbclient
    import nbformat

    cells = [textwrap.dedent(TRAIN), "model.summary()", textwrap.dedent(FIT), "history"]
    run = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
    nbclient.NotebookClient(run, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
    shown = [
        output.get("data", {"text/plain": output.get("text", "")}) for cell in run.cells for output in cell.outputs
    ]
    parts = [data.get("text/html") or f"<pre>{html.escape(data['text/plain'])}</pre>" for data in shown]
    page = folder / "notebook.html"
    page.write_text(STYLE + "".join(f"<div class='output'>{part}</div>" for part in parts))
    return page.as_uri()


@contextlib.contextmanager
def tensorboard(folder: pathlib.Path, port: int) -> Iterator[str]:
    """The address of a TensorBoard that shows a training."""
    program = textwrap.dedent(TRAIN + LOGGED.format(folder=str(folder / "run")))
    subprocess.run([sys.executable, "-c", program], check=True)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port)]
    server = subprocess.Popen([*command, "--host", "127.0.0.1"], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError):
                urllib.request.urlopen(address).close()
                break
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


def document(address: str) -> str:
    """The HTML of a page once its scripts have run."""
    return _browse(address, "--dump-dom")


def text(address: str) -> str:
    """The text that is visible on a page, also in parts that its HTML hides, once its scripts have run."""
    import pypdf

    with tempfile.NamedTemporaryFile(suffix=".pdf") as printed:
        _browse(address, f"--print-to-pdf={printed.name}")
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(printed.name).pages)


def picture(address: str, file: pathlib.Path) -> None:
    """Write a PNG of a page once its scripts have run."""
    _browse(address, f"--screenshot={file}")


def _browse(address: str, action: str) -> str:
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1300,900",
        "--virtual-time-budget=30000",
    ]
    command = [str(BROWSER), *options, action, address]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def main(folder: pathlib.Path) -> None:
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        for columns in WIDTHS:
            page = work / f"terminal-{columns}.html"
            page.write_text(f"{STYLE}<pre>{html.escape(chr(10).join(terminal(columns)))}</pre>")
            picture(page.as_uri(), folder / f"terminal-{columns}.png")
        picture(notebook(work), folder / "notebook.png")
        with tensorboard(work, 6106) as address:
            for name in PAGES:
                picture(f"{address}#{name}", folder / f"tensorboard-{name}.png")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
