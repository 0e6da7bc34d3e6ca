"""Published Keras programs, run after their import is changed: `python -m tests.published FOLDER`.

FOLDER holds programs of others (`.py`, `.ipynb`), which are not part of this repository. Each runs in its own process
(`worker.py`) under minidl and under Keras, with `keras` and `tf.keras` redirected (`aliases.py`), small synthetic data
of the true formats (`arrays.py`, `files.py`, `downloads.py`), few epochs and steps (`cuts.py`), no network, and
limited time and memory. `report.py` writes what ran, and whether the losses are equal.
"""
