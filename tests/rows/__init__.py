"""The table of all layers: one module for each family, each with its `ROWS`: name -> LayerCase.

Every row goes through every check of `minidl.testing` in test_layers.py.
"""

import importlib
import pathlib
import pkgutil

ROWS = {}
for _module in sorted(m.name for m in pkgutil.iter_modules([str(pathlib.Path(__file__).parent)])):
    for _name, _case in importlib.import_module(f"tests.rows.{_module}").ROWS.items():
        assert _name not in ROWS, f"two rows are named {_name}"
        ROWS[_name] = _case
