"""Names of Keras and TensorFlow that minidl lacks: the error for one says what to do instead.

`import minidl as tf` runs programs that use `tf.keras` and `tf.data`; what else they take from TensorFlow is here. A
name is looked up here only where the module lacks it, so that no row hides what minidl has.
"""

from __future__ import annotations

import difflib
import fnmatch
from types import ModuleType
from typing import Any, NoReturn

_TENSORFLOW = "If it is TensorFlow's, import tensorflow for it, or use numpy, jax.numpy or minidl.ops"
_LEGACY = "Keras itself has given it up"
_OPS = "Use the function of numpy, jax.numpy or minidl.ops"

WAYS = {  # pattern of names, without "minidl." -> what to do; the first that fits counts
    "quantizers": "Train and serve in float32, bfloat16 or float16 (minidl.mixed_precision)",
    "Quantizer": "Train and serve in float32, bfloat16 or float16 (minidl.mixed_precision)",
    "dtype_policies.*": "Quantization is out of its scope: use DTypePolicy of float32, bfloat16, float16, or mixed",
    "visualization": "Plot with matplotlib",
    "distillation": "Override compute_loss of a model, and add the distance to the teacher's output",
    "distribute": "Use one device",
    "export": "Use model.export, which writes StableHLO; jax.export reads it",
    "saved_model": "Use model.export, which writes StableHLO; jax.export reads it",
    "device": "Use `with jax.default_device(...)`",
    "remat": "Use jax.checkpoint in the call of a layer",
    "RematScope": "Use jax.checkpoint in the call of a layer",
    "Function": "Build a minidl.Model of inputs and outputs",
    "Operation": "Subclass minidl.layers.Layer",
    "StatelessScope": "Use the stateless_* methods of layers, metrics and optimizers",
    "SymbolicScope": "Use compute_output_shape, or jax.eval_shape",
    "FloatDTypePolicy": "Use DTypePolicy",
    "config.*flash_attention*": "It chooses the form of attention by itself",
    "config.enable_unsafe_deserialization": "Files hold no code: pass functions in custom_objects",
    "config.set_backend": "JAX is its only backend",
    "config.is_nnx_enabled": "JAX is its only backend, without NNX",
    "config.list_*devices": "Use jax.devices()",
    "config.*": "JAX's settings are in jax.config and its environment variables",
    "layers.TFSMLayer": "Load the model with TensorFlow, or rebuild it with minidl.layers",
    "layers.TorchModuleWrapper": "Rebuild the module with minidl.layers",
    "layers.JaxLayer": "Call the function in the call of a Layer, with its parameters from add_weight",
    "layers.FlaxLayer": "Call module.apply in the call of a Layer, with its parameters from add_weight",
    "layers.experimental": "What was in it is in minidl.layers",
    "utils.Config": "Use a dataclass",
    "utils.get_source_inputs": "Use model.inputs",
    "saving.KerasFileEditor": "A .keras file is a zip archive of config.json and an HDF5 file, which h5py edits",
    "preprocessing.text": "Use TextVectorization, or pad_sequences of numbers that you make with str.split",
    "preprocessing.image.ImageDataGenerator": (
        "Use utils.image_dataset_from_directory, or arrays, with the Random* layers at the beginning of the model"
    ),
    "preprocessing.image.*": "Use the Random* layers, or minidl.ops.image",
    "preprocessing.sequence.TimeseriesGenerator": "Use utils.timeseries_dataset_from_array",
    "random.set_seed": "Use utils.set_random_seed",
    "random.set_global_generator": "Use utils.set_random_seed",
    "datasets.*": "Data sets are digits and those of Keras 3",
    "data.experimental": "What it has is in minidl.data, and methods of a Dataset: cardinality(), prefetch, shuffle",
    "data.TFRecordDataset": "Read records with TensorFlow or the tfrecord package, in Dataset.from_generator",
    "data.TextLineDataset": "Use Dataset.from_generator of the lines, or Dataset.from_tensor_slices(list(file))",
    "data.Options": "Leave options out: it has no runtime of its own",
    "backend.get_session": "There are no sessions: arrays have their values",
    "backend.learning_phase": "Pass training=True or False to the call",
    "backend.set_learning_phase": "Pass training=True or False to the call",
    "backend.*": _OPS,
    "*legacy": _LEGACY,
    "compat": "There is one interface, that of Keras 3",
    "src": "Public names are in minidl and its modules, without src",
    "keras": "Use minidl.keras, which is minidl itself",
    "GradientTape": "Use jax.grad of a function of arrays, or override train_step with stateless_call",
    "function": "Steps are compiled by fit; for functions of your own use jax.jit",
    "executing_eagerly": "Outside of jax.jit everything runs eagerly",
    "constant": "Use np.array or jnp.array",
    "convert_to_tensor": "Use np.asarray, or minidl.ops.convert_to_tensor",
    "Tensor": "Arrays are jax.Array and np.ndarray",
    "TensorShape": "Shapes are tuples",
    "TensorSpec": "Use minidl.data.TensorSpec, or jax.ShapeDtypeStruct",
    "cast": "Use array.astype, or minidl.ops.cast",
    "one_hot": "Use minidl.ops.one_hot or jax.nn.one_hot",
    "nn": "Use minidl.ops or jax.nn",
    "math": "Use minidl.ops or jax.numpy",
    "linalg": "Use minidl.ops.linalg or jax.numpy.linalg",
    "image": "Use minidl.ops.image, or load_img of minidl.utils",
    "io": "Use open() and the functions of minidl.utils: get_file, load_img",
    "strings": "Use the methods of str, or `import tensorflow`",
    "signal": "Use minidl.ops (fft, stft) or jax.numpy.fft",
    "RaggedTensor": "Pad to one length: utils.pad_sequences, or Dataset.padded_batch",
    "ragged": "Pad to one length: utils.pad_sequences, or Dataset.padded_batch",
    "sparse": "Sparse matrices of scipy are taken by fit",
    "SparseTensor": "Sparse matrices of scipy are taken by fit",
    "train": "Checkpoints are callbacks (ModelCheckpoint, BackupAndRestore); records need TensorFlow",
    "summary": "Use callbacks.TensorBoard",
    "lite": "Use model.export, which writes StableHLO; jax.export reads it",
    "test": "Use pytest and numpy.testing",
    "debugging": "Use numpy.testing, or jax.debug",
    "py_function": "Functions given to Dataset.map are called in Python: give it the function itself",
    "numpy_function": "Functions given to Dataset.map are called in Python: give it the function itself",
    "*float16": "Name dtypes by strings, such as 'float16'",
    "float*": "Name dtypes by strings, such as 'float32'",
    "int*": "Name dtypes by strings, such as 'int32'",
    "uint*": "Name dtypes by strings, such as 'uint8'",
    "bool": "Name dtypes by strings, such as 'bool'",
    "string": "Name dtypes by strings, such as 'string'",
    **dict.fromkeys(
        (
            *("abs", "add", "argmax", "argmin", "argsort", "boolean_mask", "broadcast_to", "clip_by_value", "concat"),
            *(
                "cond",
                "cumsum",
                "divide",
                "equal",
                "exp",
                "expand_dims",
                "eye",
                "fill",
                "gather",
                "gather_nd",
                "greater",
            ),
            *(
                "identity",
                "less",
                "linspace",
                "logical_and",
                "logical_not",
                "logical_or",
                "map_fn",
                "matmul",
                "maximum",
            ),
            *("meshgrid", "minimum", "multiply", "norm", "ones", "ones_like", "pad", "pow", "range", "rank", "repeat"),
            *(
                "reduce_*",
                "reshape",
                "reverse",
                "roll",
                "round",
                "scan",
                "scatter_nd",
                "shape",
                "sigmoid",
                "sign",
                "size",
            ),
            *(
                "slice",
                "sort",
                "split",
                "sqrt",
                "square",
                "squeeze",
                "stack",
                "stop_gradient",
                "strided_slice",
                "subtract",
            ),
            *(
                "tanh",
                "tensordot",
                "tile",
                "transpose",
                "unique",
                "unstack",
                "where",
                "while_loop",
                "zeros",
                "zeros_like",
            ),
        ),
        _OPS,
    ),
}
_ROOT = "minidl"


def report_in(module: ModuleType) -> None:
    """Let a module say what to do where it lacks a name, unless it has a `__getattr__` of its own.

    Raises:
        AttributeError: for a name that the module does not have, as always.

    >>> module = ModuleType("minidl.layers")
    >>> report_in(module)
    >>> module.TFSMLayer
    Traceback (most recent call last):
    AttributeError: minidl.layers has no TFSMLayer. Load the model with TensorFlow, or rebuild it with minidl.layers.
    """

    def lacks(name: str) -> NoReturn:
        raise AttributeError(message(module, name), name=name, obj=module)

    module.__dict__.setdefault("__getattr__", lacks)


def message(module: Any, name: str) -> str:
    """What to say of a name that a module lacks."""
    said = f"{module.__name__} has no {name}."
    if name.startswith("_"):
        return said
    path = f"{module.__name__}.{name}".removeprefix(f"{_ROOT}.")
    near = difflib.get_close_matches(name, [known for known in vars(module) if not known.startswith("_")], 2, 0.8)
    way = next((way for pattern, way in WAYS.items() if fnmatch.fnmatchcase(path, pattern)), None)
    if way is None and near:
        return f"{said} Did you mean {' or '.join(near)}?"
    way = way or (_TENSORFLOW if module.__name__ == _ROOT else None)
    return f"{said} {way}." if way else said
