"""A file of each kind that is made to do harm."""

import base64
import io
import json
import marshal
import stat
import struct
import warnings
import zipfile

import h5py
import numpy as np

DENSE = {
    "module": "keras.layers",
    "class_name": "Dense",
    "registered_name": None,
    "config": {"name": "one", "units": 2},
}
INPUT = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "in"}}
EVIL = "__import__('os').system('touch /tmp/touched')"


def sequential(*layers, **more):
    """The config of a model that holds layers."""
    config = {"name": "model", "layers": [INPUT, *layers]}
    return {"module": "keras", "class_name": "Sequential", "registered_name": None, "config": config, **more}


def weights(make=None, **options):
    """The bytes of an HDF5 file: good weights, or what `make(file)` puts into it."""
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as h5:
        if make is None:
            group = h5.create_group("layers/dense/vars")
            group["0"] = np.ones((3, 2), "float32")
            group["1"] = np.ones(2, "float32")
        else:
            make(h5)
    return file.getvalue()


def archive(path, config=None, data=None, extra=(), compression=zipfile.ZIP_STORED):
    """A .keras file."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as file:
        warnings.simplefilter("ignore")  # of duplicate members
        file.writestr("metadata.json", "{}")
        file.writestr(
            "config.json", config if isinstance(config, (str, bytes)) else json.dumps(config or sequential(DENSE))
        )
        file.writestr("model.weights.h5", weights() if data is None else data)
        for name, content in extra:
            file.writestr(name, content)


def whole_model(path, config=None, make=None):
    """A file of the older kind: good weights, or what `make(file)` puts into it."""
    with h5py.File(path, "w") as h5:
        h5.attrs["model_config"] = config if isinstance(config, (str, bytes)) else json.dumps(config or older(DENSE))
        h5.create_group("model_weights").attrs["layer_names"] = np.array([b"one"])
        if make is None:
            one = h5.create_group("model_weights/one")
            one.attrs["weight_names"] = np.array([b"one/kernel", b"one/bias"])
            one["one/kernel"] = np.ones((3, 2), "float32")
            one["one/bias"] = np.ones(2, "float32")
        else:
            make(h5)


def older(*layers):
    """The config of a model without modules."""
    config = {"name": "model", "layers": [INPUT, *layers]}
    return {"class_name": "Sequential", "config": config}


# Configs

_LAMBDA_CODE = base64.b64encode(marshal.dumps(compile(EVIL, "evil", "eval"))).decode()

_CODE = {"class_name": "__lambda__", "config": {"value": [_LAMBDA_CODE, None, None]}}


def _function(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def _lambda(function):
    config = {"name": "evil", "function": function, "arguments": {}}
    return {"module": "keras.layers", "class_name": "Lambda", "registered_name": None, "config": config}


def _layer(**changes):
    return {**DENSE, **changes}


def _options(**options):
    return {**DENSE, "config": {**DENSE["config"], **options}}


def _nested(depth):
    layer = json.dumps(DENSE)
    head, tail = json.dumps(sequential({"HERE": 1})).split('{"HERE": 1}')
    return head * depth + layer + tail * depth


CONFIGS = {
    "module os system": sequential(_layer(module="os", class_name="system", config={"command": EVIL})),
    "module builtins eval": sequential(_layer(module="builtins", class_name="eval", config={"source": EVIL})),
    "module of minidl that is no layer": sequential(_layer(module="minidl.saving", class_name="load_model", config={})),
    "class with dots": sequential(_layer(module="keras", class_name="layers.Dense")),
    "function os system": sequential(_options(activation=_function("os", "system"))),
    "function builtins eval": sequential(_options(activation=_function("builtins", "eval"))),
    "function with dots": sequential(_options(activation=_function("builtins", "os.system"))),
    "initializer of a module": sequential(
        _options(
            kernel_initializer={
                "module": "subprocess",
                "class_name": "Popen",
                "config": {"args": ["touch", "/tmp/touched"]},
            }
        )
    ),
    "nested load_model": sequential(
        _layer(
            module="keras.models", class_name="load_model", config={"filepath": "/tmp/evil.keras", "safe_mode": False}
        )
    ),
    "nested load_model as a function": sequential(_options(activation=_function("keras.saving", "load_model"))),
    "unsafe deserialization": sequential(
        _layer(module="keras.config", class_name="function", config="enable_unsafe_deserialization")
    ),
    "unsafe deserialization as a class": sequential(
        _layer(module="keras.config", class_name="enable_unsafe_deserialization", config={})
    ),
    "lambda of code": sequential(
        _lambda({"class_name": "__lambda__", "config": {"code": _LAMBDA_CODE, "defaults": None, "closure": None}})
    ),
    "code as an activation": sequential(_options(activation=_CODE)),
    "code as an argument": sequential({**_lambda(_CODE), "config": {"function": "relu", "arguments": {"by": _CODE}}}),
    "code as a loss": sequential(DENSE, compile_config={"optimizer": "sgd", "loss": _CODE}),
    "code that asks to be trusted": sequential(
        {**_lambda(_CODE), "config": {"function": _CODE, "safe_mode": False}}, safe_mode=False
    ),
    "lambda of code in a list": sequential(_lambda([_LAMBDA_CODE, None, None])),
    "lambda of a text": sequential(_lambda(EVIL)),
    "lambda of os system": sequential(_lambda(_function("os", "system"))),
    "lambda of a builtin": sequential(_lambda(_function("builtins", "exec"))),
    "registered name of a builtin": sequential(
        _layer(module="mine", class_name="Dense", registered_name="Custom>Dense")
    ),
    "registered name alone": sequential(_layer(module="mine", class_name="Mine", registered_name="Dense")),
    "loss of a module": sequential(DENSE, compile_config={"optimizer": "sgd", "loss": _function("os", "system")}),
    "metric of a module": sequential(
        DENSE, compile_config={"optimizer": "sgd", "loss": "mse", "metrics": [_function("posix", "system")]}
    ),
    "optimizer of a module": sequential(
        DENSE, compile_config={"optimizer": {"module": "os", "class_name": "system", "config": {"command": EVIL}}}
    ),
    "gigabytes of a string dtype": sequential(
        _options(
            kernel_initializer={
                "module": "keras.initializers",
                "class_name": "Constant",
                "config": {"value": {"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "S100000000"}}},
            }
        )
    ),
    "petabyte of units": sequential(_options(units=10**15)),
    "petabyte of inputs": sequential(DENSE).copy()
    | {"config": {"name": "m", "layers": [{**INPUT, "config": {"batch_shape": [None, 10**15], "name": "in"}}, DENSE]}},
    "gigabytes of units": sequential(_options(units=10**9)),
    "petabyte by build_config": sequential({**DENSE, "build_config": {"input_shape": [None, 10**15]}}),
    "rnn unrolled without end": {
        **sequential(),
        "config": {
            "name": "m",
            "layers": [
                {**INPUT, "config": {"batch_shape": [None, 10**9, 3], "name": "in"}},
                {**DENSE, "class_name": "SimpleRNN", "config": {"units": 2, "unroll": True}},
            ],
        },
    },
    "layer name of a path": sequential(_options(name="../../tmp/touched")),
    "layer name of an absolute path": sequential(_options(name="/tmp/touched")),
    "no model": DENSE | {"class_name": "relu", "module": "keras.activations"},
    "a list": [DENSE],
    "a text": "os.system",
    "a number": 3,
    "config of another type": sequential() | {"config": 3},
    "layers of another type": sequential() | {"config": {"layers": {"a": 1}}},
    "class name of another type": sequential(_layer(class_name=["Dense"])),
    "module of another type": sequential(_layer(module={"os": 1})),
    "units of another type": sequential(_options(units={"a": 1})),
    "negative units": sequential(_options(units=-1)),
}
TEXTS = {
    "nested 3000 deep": _nested(3000),
    "nested 150 deep": _nested(150),
    "brackets 100000 deep": "[" * 100_000 + "]" * 100_000,
    "no json": "{'a': 1}",
    "empty": "",
    "digits without end": '{"module": "keras", "class_name": "Sequential", "config": {"units": ' + "9" * 10_000 + "}}",
    "no utf-8": b"\xff\xfe\x00",
}


# Weights


def _soft(h5):
    h5.create_group("layers/dense/vars")["0"] = h5py.SoftLink("/other")


def _external(h5):
    h5.create_group("layers/dense/vars")["0"] = h5py.ExternalLink("/etc/passwd", "/x")


def _external_storage(h5):
    group = h5.create_group("layers/dense/vars")
    group.create_dataset("0", (3, 2), "float32", external=[("/etc/passwd", 0, 24)])
    group["1"] = np.ones(2, "float32")


def _virtual(h5):
    layout = h5py.VirtualLayout((3, 2), "float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 2))
    h5.create_group("layers/dense/vars").create_virtual_dataset("0", layout)


def _sparse(h5):
    h5.create_dataset("layers/dense/vars/0", (10**9, 10**6), "float32", chunks=(1000, 1000))


def _gzip(h5):
    h5.create_dataset("layers/dense/vars/0", data=np.zeros((4000, 4000), "float32"), compression="gzip")


def _objects(h5):
    h5.create_dataset("layers/dense/vars/0", data=["a", "b"], dtype=h5py.string_dtype())


def _references(h5):
    group = h5.create_group("layers/dense/vars")
    group.create_dataset("0", data=[h5.ref], dtype=h5py.ref_dtype)


def _compound(h5):
    h5.create_dataset("layers/dense/vars/0", data=np.zeros(3, [("a", "f4"), ("b", "f4")]))


def _wrong_shape(h5):
    h5["layers/dense/vars/0"] = np.ones((2, 3), "float32")
    h5["layers/dense/vars/1"] = np.ones(2, "float32")


def _wrong_dtype(h5):
    h5["layers/dense/vars/0"] = np.ones((3, 2), "int32")
    h5["layers/dense/vars/1"] = np.ones(2, "float32")


def _extra(h5):
    h5["layers/dense/vars/0"] = np.ones((3, 2), "float32")
    h5["layers/dense/vars/1"] = np.ones(2, "float32")
    h5["layers/other/vars/0"] = np.ones(2, "float32")


def _circle(h5):
    group = h5.create_group("layers/dense")
    group["again"] = group


def _many(h5):
    for i in range(3000):
        h5.create_group(f"layers/dense_{i}")


def _petabyte():
    """Good weights in which a size is replaced by a huge one."""
    return weights().replace(struct.pack("<QQ", 3, 2), struct.pack("<QQ", 1 << 50, 2))


WEIGHTS = {
    "soft link": weights(_soft),
    "external link": weights(_external),
    "external storage": weights(_external_storage),
    "virtual": weights(_virtual),
    "sparse chunks": weights(_sparse),
    "gzip": weights(_gzip),
    "texts": weights(_objects),
    "references": weights(_references),
    "compound": weights(_compound),
    "wrong shape": weights(_wrong_shape),
    "wrong dtype": weights(_wrong_dtype),
    "extra": weights(_extra),
    "circle": weights(_circle),
    "many groups": weights(_many),
    "newer format": weights(libver="latest"),
    "petabyte": _petabyte(),
    "truncated": weights()[:1500],
    "cut at the end": weights()[:-1],
    "empty": b"",
    "only a signature": b"\x89HDF\r\n\x1a\n",
    "no HDF5": b"hello" * 1000,
}


# Weights of the older kind


def _listed(name, **parts):
    """Weights where a list next to the layer has a name in place of the kernel's."""

    def make(h5):
        one = h5.create_group("model_weights/one")
        one.attrs["weight_names"] = np.array([name.encode(), b"one/bias"])
        one["one/bias"] = np.ones(2, "float32")
        for path, value in parts.items():
            one[path] = value

    return make


def _no_list(h5):
    h5.create_group("model_weights/one")["kernel"] = np.ones((3, 2), "float32")


def _list_of_numbers(h5):
    h5.create_group("model_weights/one").attrs["weight_names"] = np.arange(2)


def _layers_of_a_path(h5):
    h5["model_weights"].attrs["layer_names"] = np.array([b"../../../tmp/touched"])


WHOLE_MODELS = {
    "soft link": _listed("kernel", kernel=h5py.SoftLink("/other")),
    "external link": _listed("kernel", kernel=h5py.ExternalLink("/etc/passwd", "/x")),
    "wrong shape": _listed("kernel", kernel=np.ones((2, 3), "float32")),
    "wrong dtype": _listed("kernel", kernel=np.ones((3, 2), "int32")),
    "missing": _listed("kernel"),
    "name of a path": _listed("../../../tmp/touched"),
    "absolute name": _listed("/tmp/touched"),
    "no list": _no_list,
    "list of numbers": _list_of_numbers,
    "layers of a path": _layers_of_a_path,
}


def make_all(folder):
    """Write every file; the good ones, which are opened to warm up, into a folder inside."""
    good = folder / "good"
    good.mkdir()
    archive(good / "good.keras")
    archive(good / "compiled.keras", sequential(DENSE, compile_config={"optimizer": "sgd", "loss": "mse"}))
    (good / "good.json").write_text(json.dumps(sequential(DENSE)))
    rnn = {**DENSE, "class_name": "SimpleRNN", "config": {"units": 2}}
    steps = {**INPUT, "config": {"batch_shape": [None, 4, 3], "name": "in"}}
    (good / "rnn.json").write_text(json.dumps(sequential() | {"config": {"name": "m", "layers": [steps, rnn]}}))
    (good / "good.weights.h5").write_bytes(weights())
    whole_model(good / "good.h5")
    for name, config in CONFIGS.items():
        archive(folder / f"config {name}.keras", config)
        whole_model(folder / f"config {name}.h5", config)
        if "byte" not in name:
            (folder / f"config {name}.json").write_text(json.dumps(config))
    for name, text in TEXTS.items():
        archive(folder / f"text {name}.keras", text)
        if isinstance(text, str):
            whole_model(folder / f"text {name}.h5", text)
            (folder / f"text {name}.json").write_text(text)
    for name, data in WEIGHTS.items():
        archive(folder / f"weights {name}.keras", data=data)
        (folder / f"weights {name}.weights.h5").write_bytes(data)
    for name, make in WHOLE_MODELS.items():
        whole_model(folder / f"whole model {name}.h5", make=make)
    for name in (
        "../../tmp/touched",
        "/tmp/touched",
        "assets/../../touched",
        "assets/a",
        "config.json",
        "model.weights.h5",
    ):
        archive(folder / f"member {name.replace('/', '|')}.keras", extra=[(name, EVIL)])
    link = zipfile.ZipInfo("model.weights.npz")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive(folder / "member link.keras", extra=[(link, "/etc/passwd")])
    bomb = b" " * (200 << 20)
    archive(folder / "bomb of text.keras", b"{" + bomb + b"}", compression=zipfile.ZIP_DEFLATED)
    archive(folder / "bomb of weights.keras", data=weights() + bytes(1 << 29), compression=zipfile.ZIP_DEFLATED)
    archive(folder / "bomb of assets.keras", extra=[("assets/a", bomb)], compression=zipfile.ZIP_DEFLATED)
    whole = (good / "good.keras").read_bytes()
    (folder / "zip truncated.keras").write_bytes(whole[: len(whole) // 2])
    (folder / "whole model truncated.h5").write_bytes((good / "good.h5").read_bytes()[:1500])
    (folder / "zip empty.keras").write_bytes(b"")
    flipped = bytearray(whole)
    flipped[whole.index(b"\x00\x00\x80\x3f")] ^= 1  # in a weight: the checksum of the archive tells
    (folder / "zip flipped.keras").write_bytes(bytes(flipped))
