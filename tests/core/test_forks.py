"""A process forked after JAX started, and worker processes: an answer or an error, never a wait for ever."""

import subprocess
import sys
import textwrap

import pytest

_MODEL = """
import os, sys
import numpy as np, minidl
from minidl import layers
X = np.ones((64, 4), "float32")
class Batches(minidl.utils.PyDataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        np.asarray(minidl.ops.matmul(X.T, X))
        return X[:16], X[:16, :1]
def made():
    model = minidl.Sequential([minidl.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    return model
"""


def _run(tmp_path, text):
    path = tmp_path / "program.py"
    path.write_text(_MODEL + textwrap.dedent(text))
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=100)


@pytest.mark.slow
@pytest.mark.parametrize("work", ["model.predict(X, verbose=0)", "model.evaluate(X, X[:, :1], verbose=0)", "model(X)"])
def test_a_fork_after_the_start_is_refused(tmp_path, work):
    program = f"""
    model = made()
    if (pid := os.fork()) == 0:
        try:
            {work}
        except RuntimeError as error:
            print(error, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    """
    assert "was forked after JAX had started" in _run(tmp_path, program).stdout


@pytest.mark.slow
def test_worker_processes_compute_with_minidl(tmp_path):
    program = """
    if __name__ == "__main__":
        made().fit(Batches(workers=2, use_multiprocessing=True), epochs=2, verbose=0)
        print("ended")
    """
    assert _run(tmp_path, program).stdout == "ended\n"


@pytest.mark.slow
def test_a_program_without_a_main_guard_raises(tmp_path):
    result = _run(tmp_path, "made().fit(Batches(workers=2, use_multiprocessing=True), verbose=0)")
    assert "guarded by `if __name__ == '__main__':`" in result.stderr
