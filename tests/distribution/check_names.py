"""Checks of the public names, on 8 devices; test_many_devices.py runs them."""

import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from minidl import distribution, layers
from minidl.distribution import DataParallel, DeviceMesh, LayoutMap, ModelParallel, TensorLayout


@pytest.fixture(autouse=True)
def clean():
    yield
    distribution.set_distribution(None)


def mesh():
    return DeviceMesh((2, 4), ["batch", "model"])


def test_devices():
    assert distribution.list_devices() == [f"cpu:{i}" for i in range(8)] == distribution.list_devices("CPU")
    assert distribution.get_device_count() == 8
    with pytest.raises(ValueError, match="no devices of type 'tpu'"):
        distribution.list_devices("tpu")
    with pytest.raises(ValueError, match="must be one of 'cpu', 'gpu', 'tpu', got 'npu'"):
        distribution.get_device_count("npu")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (((), []), "cannot be empty"),
        (((8,), ["a", "b"]), "a different name for each axis"),
        (((2, 4), ["a", "a"]), "a different name for each axis"),
        (((4,), ["a"]), r"the shape \(4,\) holds 4 devices, got 8"),
        (((2,), ["a"], ["cpu:0", "cpu:9"]), "There is no device 'cpu:9'"),
        (((2,), ["a"], ["cpu:0", "cpu:0"]), "repeated"),
        (((0,), ["a"], []), "each axis needs a device"),
    ],
)
def test_meshes_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeviceMesh(*arguments)


def test_a_device_without_a_number_is_the_first():
    assert DeviceMesh((2,), ["a"], ["cpu", "cpu:1"]).backend_mesh.devices.tolist() == jax.devices()[:2]


def test_layouts():
    layout = TensorLayout(("batch", None))
    with pytest.raises(ValueError, match="no device mesh"):
        layout.backend_layout  # noqa: B018
    layout.device_mesh = mesh()
    assert layout.backend_layout.shard_shape((8, 3)) == (4, 3)
    with pytest.raises(ValueError, match="set already"):
        layout.device_mesh = mesh()
    with pytest.raises(ValueError, match="Invalid axis names"):
        TensorLayout(("rows",), mesh())
    with pytest.raises(ValueError, match="one axis only"):
        TensorLayout(("batch", "batch"))


def test_layout_maps():
    layouts = LayoutMap(mesh())
    layouts[".*dense.*kernel"] = (None, "model")
    layouts["conv/bias"] = TensorLayout(("model",))
    assert len(layouts) == 2 and list(layouts) == [".*dense.*kernel", "conv/bias"]
    assert (
        layouts["a/dense_1/kernel"].axes == (None, "model") and layouts["conv/bias"].device_mesh is layouts.device_mesh
    )
    assert layouts["dense/kernel/more"] is None, "the whole path has to match"
    layouts["a/.*"] = ("model",)
    with pytest.raises(ValueError, match="matches multiple layout"):
        layouts["a/dense_1/kernel"]
    with pytest.raises(ValueError, match="already exists"):
        layouts["conv/bias"] = ("model",)
    with pytest.raises(ValueError, match="not a regular expression"):
        layouts["("] = ("model",)
    del layouts["a/.*"]
    assert layouts["a/dense_1/kernel"] is not None


def test_tensors_are_distributed_inside_and_outside_of_compiled_functions():
    layout, x = TensorLayout(("batch", "model"), mesh()), jnp.arange(32.0).reshape(4, 8)
    for found in (
        distribution.distribute_tensor(x, layout),
        jax.jit(lambda x: distribution.distribute_tensor(x, layout))(x),
    ):
        assert found.sharding.shard_shape(found.shape) == (2, 2)
        assert (np.asarray(found) == np.asarray(x)).all()
    with pytest.raises(ValueError, match=r"axis 1 of size 6 cannot be split evenly along 'model', 4 devices"):
        distribution.distribute_tensor(jnp.ones((4, 6)), layout)


def test_the_distribution_that_is_set():
    one, other = DataParallel(), DataParallel(devices=["cpu:0", "cpu:3"])
    assert distribution.distribution() is None
    distribution.set_distribution(one)
    with other.scope():
        assert distribution.distribution() is other
        assert {device.id for device in keras.Variable(1.0).value.devices()} == {0, 3}
    assert distribution.distribution() is one and one.num_model_replicas == 8
    with pytest.raises(TypeError, match="expected a Distribution or None"):
        distribution.set_distribution("data")


def test_arguments_of_distributions():
    with pytest.warns(UserWarning, match="expected a mesh of one axis"):
        assert DataParallel(mesh()).num_model_replicas == 2
    with pytest.raises(ValueError, match="not both"):
        DataParallel(mesh(), devices=["cpu:0"])
    with pytest.raises(ValueError, match="must be a LayoutMap"):
        ModelParallel(layout_map={})
    with pytest.raises(ValueError, match="batch_dim_name='rows' is not an axis"):
        ModelParallel(layout_map=LayoutMap(mesh()), batch_dim_name="rows")
    found = ModelParallel(layout_map=LayoutMap(mesh()), batch_dim_name="model")
    assert found.num_model_replicas == 4 and found.get_data_layout((8, 3, 2)).axes == ("model", None, None)
    assert found.auto_shard_dataset and found.num_processes == 1 and found.data_shard_id == 0


def processes(monkeypatch, count, index):
    monkeypatch.setattr(jax, "process_count", lambda: count)
    monkeypatch.setattr(jax, "process_index", lambda: index)


def test_processes_of_one_replica_have_the_same_rows(monkeypatch):
    """As in Keras: the process divided by the number of processes for each replica, 2 over (2, 4); or the process."""
    found = []
    for index in range(4):
        processes(monkeypatch, 4, index)
        found.append((ModelParallel(layout_map=LayoutMap(mesh())).data_shard_id, DataParallel().data_shard_id))
    assert found == [(0, 0), (0, 1), (1, 2), (1, 3)]
    processes(monkeypatch, 3, 0)
    with pytest.raises(ValueError, match="3 processes cannot share 2 replicas"):
        ModelParallel(layout_map=LayoutMap(mesh()))


def test_the_share_of_a_process_of_a_dataset(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    rows = {"x": np.arange(24.0).reshape(12, 2), "y": np.arange(12)}
    dataset = tf.data.Dataset.from_tensor_slices(rows).batch(8)
    pairs = tf.data.Dataset.from_tensor_slices((rows["x"], rows["y"])).batch(8)
    assert DataParallel().distribute_dataset(dataset) is dataset
    processes(monkeypatch, 2, 1)
    assert DataParallel(auto_shard_dataset=False).distribute_dataset(dataset) is dataset
    shared = DataParallel().distribute_dataset(dataset)
    assert [batch["y"].tolist() for batch in shared.as_numpy_iterator()] == [[4, 5, 6, 7], [10, 11]]
    for x, y in DataParallel().distribute_dataset(pairs).as_numpy_iterator():
        assert (x == rows["x"][y]).all() and len(y) in (4, 2)
    with pytest.raises(ValueError, match="expected a tf.data.Dataset, got a list"):
        DataParallel().distribute_dataset([rows])


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in found if p.kind is not p.VAR_KEYWORD]


def test_names_and_arguments_are_those_of_keras():
    """With its defaults; ours may have more arguments after them."""
    theirs, layouts = pytest.importorskip("keras").distribution, LayoutMap(mesh())
    made = [mesh(), TensorLayout(()), layouts, DataParallel(), ModelParallel(layout_map=layouts)]
    made = {type(one).__name__: one for one in made}
    for name in [name for name in dir(theirs) if not name.startswith("_")]:
        pairs = [(getattr(theirs, name), getattr(distribution, name))]
        if name in made:
            members = {member for member in dir(pairs[0][0]) if not member.startswith("_")} - {"distribute_tf_dataset"}
            assert members <= set(dir(made[name])), name
            pairs += [[getattr(one, member) for one in pairs[0]] for member in members if hasattr(pairs[0][1], member)]
        for given, own in pairs:
            if callable(given):
                wanted = parameters(given)
                assert parameters(own)[: len(wanted)] == wanted, (name, given)


def test_addresses_and_processes_have_to_match():
    with pytest.raises(ValueError, match="got 2 job_addresses for num_processes=3"):
        distribution.initialize("10.0.0.1:1,10.0.0.2:1", 3, 0)


def trained(units=8):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(units, name="hidden"), layers.Dense(1)], name="net")
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    return model


def test_patterns_have_to_match_something():
    layouts = LayoutMap(mesh())
    layouts["net/hidden/kernl"] = (None, "model")
    with ModelParallel(layout_map=layouts).scope():
        with pytest.raises(ValueError, match=r"'net/hidden/kernl' .* matches no variable .* 'net/hidden/kernel'"):
            trained()


def test_indivisible_layouts_are_named():
    layouts = LayoutMap(mesh())
    layouts["net/hidden/kernel"] = (None, "model")
    with ModelParallel(layout_map=layouts).scope():
        with pytest.raises(
            ValueError, match=r"'net/hidden/kernel' has shape \(4, 6\), whose axis 1 of size 6 .* 'model'"
        ):
            trained(6)
        layouts["net/hidden/bias"] = ("model", None)
        with pytest.raises(ValueError, match=r"'net/hidden/bias' has shape \(8,\); its layout .* at most 1"):
            trained()


def test_layouts_of_variables_and_outputs():
    layouts = LayoutMap(mesh())
    layouts["net/hidden/kernel"] = (None, "model")
    layouts["net/hidden/output"] = ("batch", "model")
    with ModelParallel(layout_map=layouts).scope() as _:
        found = distribution.distribution()
        model = trained()
        kernel, bias = model.layers[0].weights
        assert found.get_variable_layout(kernel).axes == (None, "model")
        assert found.get_variable_layout(bias).axes == (None,)
        assert found.get_tensor_layout("net/hidden/output").axes == ("batch", "model")
        output = model.layers[0](np.ones((8, 4), "float32"))
        assert output.sharding.shard_shape(output.shape) == (4, 2)
        model.layers[0](np.ones((7, 4), "float32"))  # an uneven batch stays whole


def test_it_is_not_set_without_being_asked():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(trained().weights[0].value.devices()) == 1
