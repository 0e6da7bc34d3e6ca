"""Files made to do harm give a clear error and nothing else, and so do thousands of damaged ones."""

import json
import subprocess
import sys
import zipfile

import pytest

from tests import saved
from tests.hostile import bounds, kinds

# Many models in one another are a model, and a long loop is no longer than another until it runs.
HARMLESS = {"text nested 150 deep.json", "text nested 150 deep.h5", "config rnn unrolled without end.json"}


def guarded(folder, module="tests.hostile.guard", *args):
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder), *args], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_every_kind_is_refused_and_touches_nothing(tmp_path):
    kinds.make_all(tmp_path)
    results = guarded(tmp_path)
    assert len(results) > 120
    assert not [f"{name}: {result}" for name, result in results.items() if not _is_refused(name, result[0])]
    assert all(cost < bounds.MOST_COST for _, cost, _ in results.values())
    assert all(megabytes < 200 for _, _, megabytes in results.values())


GOOD = ("recurrent-bidirectional", "attention-multi_head", "convolution-separable_2d", "core-embedding")
GOOD += (
    "normalization-batch",
    "shapes-zero_padding_2d",
    "optimizer-adam",
    "optimizer-muon",
    "preprocessing-discretization",
)


@pytest.mark.slow
@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_damaged_files_give_errors_in_words(count, tmp_path):
    with zipfile.ZipFile(saved.FOLDER / "files.zip") as files:
        for name in files.namelist():
            if name.removesuffix(".keras") in GOOD:
                files.extract(name, tmp_path / "good")
    assert len(list((tmp_path / "good").iterdir())) == len(GOOD)
    results = guarded(tmp_path, "tests.hostile.fuzz", str(count), "0" if count < 5000 else "1000")
    assert not results["wrong"]
    assert results["counts"]["LoadError"] > count / 2 and results["largest"] < 500


def _is_refused(name, result):
    return result.startswith("LoadError: ") or (name in HARMLESS and result == "opened")
