"""Settings: the opt-in to JAX's compilation cache."""

import subprocess
import sys

PROGRAM = """
import sys
import jax
import numpy as np
import minidl
from tests.counting import compilations

minidl.config.enable_compilation_cache(sys.argv[1])
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("cache_hits") else None)
model = minidl.Sequential([minidl.layers.Dense(3, input_shape=(2,)), minidl.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(np.ones((40, 2)), np.ones((40, 1)), verbose=0)
print(len(hits))
"""


def test_a_second_run_finds_its_programs(tmp_path):
    def run():
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "new" / "cache")]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])

    assert run() == 0
    assert run() >= 2, "the full batches and the last one"
