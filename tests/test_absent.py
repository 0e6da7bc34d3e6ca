"""What minidl lacks is said by the name that was asked for, with what to do instead."""

import fnmatch
import inspect
import pathlib
import subprocess
import sys

import pytest

import minidl as tf
from minidl.absent import WAYS, message
from tests.references import _surface as surface
from tests.test_surface import ABSENT, BACKENDS, PICTURES, QUANTIZED, compared, reason


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("constant", "minidl has no constant. Use np.array"),
        ("reduce_sum", "minidl has no reduce_sum. Use the function of numpy"),
        ("strange", "minidl has no strange. If it is TensorFlow's, import tensorflow"),
        ("quantizers", "minidl has no quantizers. Train and serve in float32"),
        ("layers.Conv2d", "minidl.layers has no Conv2d. Did you mean Conv2D?"),
        ("layers.TFSMLayer", "minidl.layers has no TFSMLayer. Load the model with TensorFlow"),
        ("config.list_physical_devices", "Use jax.devices()"),
        ("keras.preprocessing.image.ImageDataGenerator", "Use utils.image_dataset_from_directory"),
        ("preprocessing.sequence.TimeseriesGenerator", "Use utils.timeseries_dataset_from_array"),
        ("data.experimental", "cardinality()"),
        ("losses.strange", "minidl.losses has no strange."),
        ("ops.image.strange", "minidl.ops.image has no strange."),
        ("layers.__strange__", "minidl.layers has no __strange__."),
    ],
)
def test_what_is_said(name, said):
    path, _, last = name.rpartition(".")
    module = tf
    for part in filter(None, path.split(".")):
        module = getattr(module, part)
    with pytest.raises(AttributeError) as caught:
        getattr(module, last)
    assert said in str(caught.value) and caught.value.name == last and not hasattr(module, last)


def test_every_name_of_keras_that_stays_absent_has_a_way():
    modules = surface.modules(tf)
    for name in compared()[0]:
        path, _, last = name.rpartition(".")
        if "(" not in name and inspect.ismodule(modules.get(path)):
            with pytest.raises(AttributeError, match=f"has no {last}") as caught:
                getattr(modules[path], last)
            if reason(name, ABSENT) in (QUANTIZED, PICTURES, BACKENDS):
                assert not str(caught.value).endswith(f"has no {last}."), name


def test_every_public_module_reports():
    modules = {name: part for name, part in vars(tf).items() if inspect.ismodule(part) and name in tf.__all__}
    assert len(modules) > 20 and all("__getattr__" in vars(part) for part in modules.values())


def test_ways_are_sentences():
    for pattern, way in WAYS.items():
        assert way[0].isupper() and way[-1] != ".", pattern


def test_dunder_names_are_not_explained():
    assert message(tf, "__wrapped__") == "minidl has no __wrapped__."
    assert not any(fnmatch.fnmatchcase("__wrapped__", pattern) for pattern in WAYS)


@pytest.mark.slow
def test_tools_that_look_into_modules_still_work():
    program = "import minidl, inspect, doctest; inspect.getmembers(minidl); doctest.DocTestFinder().find(minidl.data)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=pathlib.Path(tf.__file__).parents[1])
