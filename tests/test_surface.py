"""Every public name of Keras is in minidl, or in the tables of what is absent with a reason."""

import fnmatch
import json
from typing import Any

import pytest

import minidl
from tests.references import _surface as surface

QUANTIZED = "quantization is out of scope"
PICTURES = "pictures are drawn with matplotlib"
BACKENDS = "JAX is the only backend"
INNER = "inner machinery of Keras, undocumented"
LATER = "not there yet"
MADE = "an attribute of the object, which the constructor sets"
BUILT = "there once the layer is built"
ORDER = "the same arguments, the first ones under other names: they are given by position"
ABSENT = {  # pattern of names -> reason
    "*quantiz*": QUANTIZED,
    "Quantizer": QUANTIZED,
    "*gptq_unpacked_column_size": QUANTIZED,
    "dtype_policies.*DTypePolicy": QUANTIZED,
    "dtype_policies.DTypePolicyMap": LATER,
    "dtype_policies.get(identifier)": ORDER,
    "dtype_policies.serialize(dtype_policy)": ORDER,
    "visualization*": PICTURES,
    "*.backend": BACKENDS,
    "layers.*.convert_weight": BACKENDS,
    "config.set_backend": BACKENDS,
    "config.is_nnx_enabled": BACKENDS,
    "layers.TFSMLayer": BACKENDS,
    "layers.TorchModuleWrapper": BACKENDS,
    "*.supports_jit": BACKENDS,
    "Variable(synchronization)": BACKENDS,
    "Variable.synchronization": BACKENDS,
    "KerasTensor(ragged)": BACKENDS,
    "KerasTensor(sparse)": BACKENDS,
    "KerasTensor.ragged_rank": BACKENDS,
    "KerasTensor.row_splits_dtype": BACKENDS,
    "*record_history*": INNER,
    "KerasTensor.reshape(newshape)": ORDER,
    "*.add_weight(overwrite_with_gradient)": "for float8 scales; " + QUANTIZED,
    "*.rematerialized_call": LATER,
    "remat": LATER,
    "RematScope": LATER,
    "*.symbolic_call": INNER,
    "*.call_signature_parameters": INNER,
    "*.add_metric": "an error in Keras 3, too",
    "*.build(var_list)": ORDER,
    "layers.*.get*_dropout_mask": INNER,
    "layers.*.reset*_dropout_mask": INNER,
    "layers.*.transform_segmentation_masks(segmentation_masks)": ORDER,
    "layers.*.transform_single_*": LATER,
    "layers.*.get_transformed_x_y": INNER,
    "layers.*.get_*_bbox": INNER,
    "layers.*.height_axis": INNER,
    "layers.*.width_axis": INNER,
    "layers.*.channel_axis": INNER,
    "layers.RandomElasticTransform.get_elastic_transform_params": INNER,
    "layers.RandomGrayscale.*(images)": ORDER,
    "layers.RandomGrayscale.*(transformations)": ORDER,
    "*Policy.convert_input": LATER,
    "*.export(verbose)": LATER,
    "*.compute_loss_and_updates": INNER,
    "*.jax_state_sync": INNER,
    "*.jit_compile": LATER,
    "*.make_*_function": LATER,
    "*.predict_function": LATER,
    "*.test_function": LATER,
    "*.train_function": LATER,
    "layers.*.variable_serialization_spec": QUANTIZED,
    "*legacy*": "what Keras itself has given up",
    "callbacks.TensorBoard.summary": INNER,
    "layers.Discretization.summary": INNER,
    "*.call(training)": "these layers do the same in training",
    "layers.Hashing.strong_hash": INNER,
    "layers.*.lookup_table": INNER,
    "layers.*.token_counts": INNER,
    "layers.*.finalize_state": LATER,
    "layers.Discretization.*_state": LATER,
    "*.compute_mask(previous_mask)": ORDER,
    "*.check_finite": INNER,
    "*.ctc_decode": LATER,
    "Function": LATER,
    "Operation": LATER,
    "StatelessScope": LATER,
    "SymbolicScope": LATER,
    "FloatDTypePolicy": LATER,
    "backend.get_uid": LATER,
    "callbacks.CSVLogger.*": INNER,
    "callbacks.ModelCheckpoint.m*": INNER,
    "callbacks.ProgbarLogger.progbar": INNER,
    "config.*": LATER,
    "device": LATER,
    "distribution.*.distribute_*dataset": "each process takes its rows of any data by itself",
    "distribution.DeviceMesh.*": MADE,
    "distribution.LayoutMap.device_mesh": MADE,
    "distribution.ModelParallel.*": MADE,
    "distribution.TensorLayout.axes": MADE,
    "distillation": LATER,
    "export*": LATER,
    "layers.BatchNormalization.moving_*": BUILT,
    "layers.MultiHeadAttention.*_dense": BUILT,
    "layers.InputLayer.*": INNER,
    "layers.RMSNormalization.call(x)": ORDER,
    "layers.SimpleRNNCell.call(sequence)": ORDER,
    "layers.RandomCrop.factor": "None always",
    "layers.RandomColorJitter.factor": "0 always",
    "layers.M*.factor": "0 always",
    "layers.*qualization.factor": "0 always",
    "losses.deserialize(name)": ORDER,
    "metrics.F*Score.axis": "-1 always",
    "metrics.AUC.interpolate_pr_auc": INNER,
    "optimizers.Adadelta.update_step(grad)": ORDER,
    "optimizers.MultiOptimizer.optimizers": LATER,
    "optimizers.Muon.transpose_last_axis": LATER,
    "optimizers.OptimizerMap.default_optimizer": LATER,
    "ops.numpy.slogdet": "it is in ops and ops.linalg",
    "ops.rearrange": LATER,
    "saving.KerasFileEditor": LATER,
    "src": "the source of Keras",
    "tree.assert_same_structure(check_types)": LATER,
    "utils.*": LATER,
    "wrappers.*.set_fit_request": LATER,
    **{f"layers.{name}": LATER for name in (*("FlaxLayer", "JaxLayer", "ReversibleEmbedding"),)},
}
DIFFERENT = {  # pattern of attributes -> reason
    "*.path": "a path begins at the model",
    "layers.*.built": "a layer without weights has nothing to build, or is built at its first call",
    "*.steps_per_execution": "'auto' is the default",
    "callbacks.*.mode": "resolved when a fit begins, where the metric is known",
    "callbacks.*.monitor_op": "resolved when a fit begins, where the metric is known",
    "layers.Adaptive*.input_spec": "the rank is checked",
    "layers.CategoryEncoding.autocast": "integers stay integers",
    "layers.ConvLSTM*.s*": "h and c; Keras has a placeholder before build",
    "layers.InputLayer.*": INNER,
}


def reason(name: str, table: dict[str, str]) -> str | None:
    return next((why for pattern, why in table.items() if fnmatch.fnmatchcase(name, pattern)), None)


def lacking(path: str, theirs: dict[str, Any], own: dict[str, Any]) -> list[str]:
    """The parameters, attributes and parameters of methods that minidl's function or class lacks."""
    calls = {path: (theirs.get("parameters"), own.get("parameters"))}
    methods = theirs.get("methods", {})
    calls |= {f"{path}.{name}": (methods[name], own.get("methods", {}).get(name)) for name in methods}
    missing = [
        f"{name}({parameter})"
        for name, (wanted, found) in calls.items()
        if wanted and found is not None and "**" not in found
        for parameter in wanted
        if parameter not in found and not parameter.startswith("_") and parameter != "**"
    ]
    attributes = own.get("attributes", {})
    return missing + [f"{path}.{name}" for name in theirs.get("attributes", {}) if name not in attributes]


def compared() -> tuple[list[str], list[str]]:
    """(what minidl lacks, the plain attributes that have another value)."""
    keras, own, modules = surface.read(), surface.surface(minidl), surface.modules(minidl)
    own = {path: own[entry.get("same", path)] for path, entry in own.items()}
    missing, different = [], []
    for path, theirs in keras.items():
        module, _, name = path.rpartition(".")
        if path not in own:
            if not hasattr(modules.get(module), name):
                missing.append(path)
            continue
        missing += lacking(path, theirs, own[path])
        for name, value in theirs.get("attributes", {}).items():
            found = own[path].get("attributes", {}).get(name, "unset")
            if isinstance(value, list) and found != "unset" and json.loads(json.dumps(found)) != value:
                different.append(f"{path}.{name}")
    return missing, different


@pytest.fixture(scope="module")
def found():
    return compared()


def test_no_public_name_of_keras_is_absent_without_a_reason(found):
    assert [name for name in found[0] if reason(name, ABSENT) is None] == []


def test_plain_attributes_have_the_values_of_keras(found):
    assert [name for name in found[1] if reason(name, DIFFERENT) is None] == []


def test_no_reason_is_stale(found):
    for table, names in zip((ABSENT, DIFFERENT), found):
        assert [p for p in table if not any(fnmatch.fnmatchcase(name, p) for name in names)] == []
