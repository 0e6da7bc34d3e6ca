"""Files of a few KB that ask for much more than such files need."""

import zipfile

from tests.hostile import kinds

MOST_COST = 400  # good files of one layer that are opened in the same time
MOST_MEGABYTES = 150


def layer(class_name, **config):
    return {"module": "keras.layers", "class_name": class_name, "registered_name": None, "config": config}


def sequential(name, *inside, **more):
    config = {"name": name, "layers": list(inside)}
    return {"module": "keras", "class_name": "Sequential", "registered_name": None, "config": config, **more}


def compiled(*metrics):
    return kinds.sequential(kinds.DENSE, compile_config={"optimizer": "sgd", "loss": "mse", "metrics": list(metrics)})


def metric(class_name, **config):
    return {"module": "keras.metrics", "class_name": class_name, "registered_name": None, "config": config}


def place(name, call=0):
    config = {"shape": [None, 3], "dtype": "float32", "keras_history": [name, call, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def call(name, number=0):
    return {"args": [place(name, number)], "kwargs": {}}


def functional(name, layers, output):
    inputs = {**layer("InputLayer", batch_shape=[None, 3], name="in"), "name": "in", "inbound_nodes": []}
    config = {"name": name, "layers": [inputs, *layers], "input_layers": [["in", 0, 0]], "output_layers": [output]}
    return {"module": "keras", "class_name": "Functional", "registered_name": "Functional", "config": config}


def relu(name="a", **more):
    return {**layer("Activation", name=name, activation="relu"), "name": name, **more}


def models_in_models(depth):
    """A model that calls the one inside eight times, and so on: 8**depth calls."""
    inner, first = relu(), 0
    for level in range(depth):
        calls = [call("in"), *(call(inner["name"], number + first) for number in range(7))]
        output = [inner["name"], 7 + first, 0]
        inner = {**functional(f"m{level}", [{**inner, "inbound_nodes": calls}], output), "name": f"m{level}"}
        first = 1
    return inner


def shared_in_shared(depth):
    """The same without a graph, by the numbers of shared objects."""
    inner = relu(shared_object_id=1)
    for level in range(depth):
        again = {"class_name": "Again", "config": {}, "shared_object_id": inner["shared_object_id"]}
        inner = sequential(f"s{level}", inner, *[again] * 5, shared_object_id=level + 2)
    return sequential("m", kinds.INPUT, inner)


CHAIN = [relu(f"a{i}", inbound_nodes=[call(f"a{i - 1}" if i else "in")]) for i in range(3000)]

CONFIGS = {
    "thresholds": compiled(metric("AUC", num_thresholds=10**7, name="q")),
    "thresholds of an operating point": compiled(
        metric("PrecisionAtRecall", recall=0.5, num_thresholds=10**7, name="q")
    ),
    "metrics": compiled(*["mae"] * 20_000),
    "metrics by config": compiled(*[metric("Mean", name="m")] * 20_000),
    "confusion matrix": compiled(metric("MeanIoU", num_classes=4000, name="q")),
    "layers": sequential("m", kinds.INPUT, *(relu(f"a{i}") for i in range(3000))),
    "shared layers": sequential("m", kinds.INPUT, *[relu(shared_object_id=1)] * 5000),
    "layers backwards": functional("m", CHAIN[::-1], ["a2999", 0, 0]),
    "calls": functional("m", [relu(inbound_nodes=[call("in")] * 4000)], ["a", 0, 0]),
    "models in models": models_in_models(7),
    "shared models in models": shared_in_shared(8),
    "long names": sequential("x" * 300_000, kinds.INPUT, *(layer("Dense", name=f"d{i}", units=1) for i in range(400))),
    "place of a negative number": functional("m", [relu(inbound_nodes=[call("in", -1)])], ["a", 0, 0]),
}
TEXTS = {
    "lists": '{"class_name":"Sequential","config":{"layers":[' + "[]," * 3_000_000 + "[]]}}",
    "fewer lists": '{"class_name":"Sequential","config":{"layers":[' + "[]," * 600_000 + "[]]}}",
}
OLDER_CALLS = {"empty": [[]], "short": [[["in"]]], "texts": [[["in", "0", "0", {}]]], "number": [3], "no list": 3}


def older(inbound_nodes):
    inputs = {**kinds.INPUT, "name": "in", "inbound_nodes": []}
    activation = {**relu(inbound_nodes=inbound_nodes)}
    config = {"name": "m", "layers": [inputs, activation], "input_layers": [["in", 0, 0]]}
    return {"class_name": "Functional", "config": {**config, "output_layers": [["a", 0, 0]]}}


def make_all(folder):
    """Write every file, and good ones into a folder inside."""
    good = folder / "good"
    good.mkdir()
    kinds.archive(good / "good.keras", compiled("mae"))
    kinds.whole_model(good / "good.h5")
    for name, config in {**CONFIGS, **TEXTS}.items():
        kinds.archive(folder / f"{name}.keras", config, compression=zipfile.ZIP_DEFLATED)
    for name, inbound_nodes in OLDER_CALLS.items():
        kinds.whole_model(folder / f"older calls {name}.h5", older(inbound_nodes))
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.keras")}
    assert max(sizes.values()) < 64 * 1024, sizes
