"""Packages imported on use leave Python's random state as it was: seeds of layers come from it."""

import subprocess
import sys

import pytest

PROGRAM = """
import random
import minidl
from minidl.callbacks.displays import TerminalDisplay
from minidl.core.optional import needed
model = minidl.Sequential([minidl.Input((2,)), minidl.layers.Dense(1)])
minidl.utils.set_random_seed(0)
before = random.getstate()
{use}
assert random.getstate() == before
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "use",
    [
        "model.summary()",
        "TerminalDisplay().update('1/2', 0.5, [])",
        "needed('rich.style', 'this', 'rich')",
    ],
)
def test_the_first_import_of_rich_changes_no_seed(use):
    subprocess.run([sys.executable, "-c", PROGRAM.format(use=use)], check=True, capture_output=True)
