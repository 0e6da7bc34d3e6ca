"""What may differ between Keras 3.15.1 and minidl, each with its reason; narrow, so that no fault hides."""

import ast
import re

import numpy as np

from tests.fuzz import compare, symbolic
from tests.fuzz.values import build

REFUSED_WEIGHTS = "sample_weight has shape"
TABLE = []  # (name, reason, predicate of the case and both outcomes)


def departure(reason):
    """Add a predicate to the table."""
    return lambda predicate: TABLE.append((predicate.__name__, reason, predicate)) or predicate


def reason(case, theirs, ours):
    """Reason why the outcomes of this case may differ, or None."""
    return next((why for _, why, allows in TABLE if allows(case, theirs, ours)), None)


def _only(kind_theirs, kind_ours, theirs, ours, words):
    """Whether one library alone refuses, and says one of these things."""
    refusal = theirs[1] if theirs[0] == "error" else ours[1]
    return (theirs[0], ours[0]) == (kind_theirs, kind_ours) and any(word in refusal for word in words)


def _name(case):
    return next((case[key]["call"] for key in ("program", "loss", "metric", "layer") if key in case), "")


@departure("Keras 3.15.1's sparsemax need not sum to 1; minidl follows the paper")
def sparsemax(case, theirs, ours):
    if not _name(case).endswith(".sparsemax") or theirs[0] != "value" or ours[0] != "value":
        return False
    if case["program"]["args"][0].get("fill") == "special":
        return True  # NaN and infinity make all of a row NaN, where Keras gives a mixture
    axis = case["program"]["kwargs"].get("axis", -1)
    found = np.asarray(ours[1], "float64")
    return bool(np.all(found >= 0) and np.allclose(found.sum(axis), 1, atol=0.05))


@departure("weights that would only broadcast along the wrong axis are refused")
def weights_that_broadcast(case, theirs, ours):
    if case["family"] not in ("losses", "metrics") or not _only("value", "error", theirs, ours, [REFUSED_WEIGHTS]):
        return False
    weights, values = (
        ast.literal_eval(shape) for shape in re.findall(r"has (?:values of )?shape (\([\d, ]*\))", ours[1])
    )
    given = case["args"][2] if "args" in case else case["updates"][0][-1]
    fits = len(weights) == len(values) and all(w in (1, v) for w, v in zip(weights, values))
    return list(weights) == given["array"] and not fits


@departure("Python lists are taken as arrays by losses and metrics; Keras fails inside on some of them")
def lists(case, theirs, ours):
    words = ["'list' object has no attribute", "same nested structure", "Expected an instance of list"]
    return '"list"' in str(case).replace("'", '"') and _only("error", "value", theirs, ours, words)


@departure("Keras mixes bfloat16 with float32 in random.dropout and fails")
def dropout_bfloat16(case, theirs, ours):
    return _name(case) == "random.dropout" and _only("error", "value", theirs, ours, ["lax.select requires"])


@departure("MultiHeadAttention takes a value_dim other than key_dim everywhere")
def value_dim(case, theirs, ours):
    given = case.get("layer", {}).get("kwargs", {})
    return "value_dim" in given and _only("error", "value", theirs, ours, ["cannot reshape", "value shape"])


@departure("the config of losses.Huber keeps its delta")
def huber_delta(case, theirs, ours):
    if _name(case) != "losses.Huber" or theirs[0] != "value" or ours[0] != "value":
        return False
    both = [outcome[1][0] for outcome in (theirs, ours)]
    return "delta" in case["loss"]["kwargs"] and not list(compare.differences(*both, case["tolerance"]))


@departure("the config of CosineSimilarity keeps its axis")
def cosine_axis(case, theirs, ours):
    if not _name(case).endswith(".CosineSimilarity") or theirs[0] != "value" or ours[0] != "value":
        return False
    if case["family"] == "losses":  # the value, and that of the loss made again from its config
        both = [outcome[1][0] for outcome in (theirs, ours)]
        return "axis" in case["loss"]["kwargs"] and not list(compare.differences(*both, case["tolerance"]))
    both = [{key: value for key, value in outcome[1].items() if key != "again"} for outcome in (theirs, ours)]
    return "axis" in case["metric"]["kwargs"] and not list(compare.differences(*both, case["tolerance"]))


@departure("Keras's pooling functions fail for channels_first without strides")
def pool_channels_first(case, theirs, ours):
    if _name(case) not in ("ops.max_pool", "ops.average_pool") or not isinstance(case["program"]["args"][0], dict):
        return False
    options = case["program"]["kwargs"]
    without = options["strides"] is None and options["data_format"] == "channels_first"
    return without and _only("error", "value", theirs, ours, ["could not be broadcast", "broadcast"])


@departure("zero_output_for_mask holds for unrolled recurrent layers, too; Keras ignores it there")
def zero_output_unrolled(case, theirs, ours):
    given = case.get("layer", {}).get("kwargs", {})
    masked = given.get("unroll") and given.get("zero_output_for_mask") and "mask" in case["more"]
    if not masked or case["family"] != "layers" or theirs[0] != "value" or ours[0] != "value":
        return False
    steps = np.asarray(build(None, case["more"]["mask"]))
    kept = [_without_outputs(outcome[1], given, steps) for outcome in (theirs, ours)]
    return not list(compare.differences(*kept, case["tolerance"]))


def _without_outputs(found, options, mask):
    """What a recurrent layer gave, without its outputs at masked steps: all that zero_output_for_mask changes."""
    kept = dict(found)
    taken = mask[:, ::-1] if options.get("go_backwards") else mask  # in the order of the outputs
    for key in ("outputs", "again"):
        output, *states = found[key] if options.get("return_state") else [found[key]]
        if options.get("return_sequences"):
            output = np.where(taken[..., None], output, 0)
        else:
            output = np.where(taken[:, -1, None], output, 0)
        kept[key] = [output, *states]
    return kept


@departure("weights of examples and steps hold for leading axes; Keras's AUC, unlike its counts, takes the last ones")
def auc_weights(case, theirs, ours):
    curves = ["AUC", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]
    if _name(case) not in [f"metrics.{name}" for name in curves] or theirs[0] != "value" or ours[0] != "value":
        return False
    weighted = [update for update in case["updates"] if update[2]]
    return any(len(weight["array"]) + 1 < len(y_pred["array"]) for _, y_pred, weight in weighted)


@departure("a value of weight 0 does not count in a metric, also where it is NaN")
def nan_of_no_weight(case, theirs, ours):
    if case["family"] != "metrics" or theirs[0] != "value" or ours[0] != "value":
        return False
    unweighted = [update for update in case["updates"] if update[-1] and not np.all(build(None, update[-1]))]
    filled = compare.fill_nan(theirs[1], ours[1])
    return bool(unweighted) and not list(compare.differences(filled, ours[1], case["tolerance"]))


@departure("GroupNormalization's results are not rounded to a 16-bit input's dtype before they are made float32")
def group_normalization_rounding(case, theirs, ours):
    if _name(case) != "layers.GroupNormalization" or theirs[0] != "value" or ours[0] != "value":
        return False
    dtype = build(None, case["inputs"][0]).dtype
    outputs = [[outcome[1][key] for key in ("outputs", "again")] for outcome in (theirs, ours)]
    rounded = [[value.astype(dtype) for value in values] for values in outputs]
    others = [
        {key: value for key, value in outcome[1].items() if key not in ("outputs", "again")}
        for outcome in (theirs, ours)
    ]
    return dtype.itemsize == 2 and not list(compare.differences(*map(list, zip(rounded, others)), case["tolerance"]))


@departure("in mixed precision CategoryEncoding gives the compute dtype, as all layers do")
def encoded_in_mixed_precision(case, theirs, ours):
    mixed = str(case.get("layer", {}).get("kwargs", {}).get("dtype")).startswith("mixed")
    if _name(case) != "layers.CategoryEncoding" or not mixed or theirs[0] != "value" or ours[0] != "value":
        return False
    return all(np.array_equal(theirs[1][key], ours[1][key].astype("float32")) for key in ("outputs", "again"))


@departure("a list of results holds each once; Keras repeats a metric that is given with and without weights")
def repeated_metric(case, theirs, ours):
    if case["family"] != "models" or theirs[0] != "value" or ours[0] != "value":
        return False
    both = set(case["compile"]["metrics"]) & set(case["compile"].get("weighted_metrics", []))
    kept = [{key: value for key, value in outcome[1].items() if key != "after"} for outcome in (theirs, ours)]
    return bool(both) and not list(compare.differences(*kept, case["tolerance"]))


@departure("Keras on JAX keeps deleted arrays of averages after fit with use_ema")
def deleted_averages(case, theirs, ours):
    if case["family"] not in ("models", "optimizers"):
        return False
    return "'use_ema': True" in str(case) and _only("error", "value", theirs, ours, ["Array has been deleted"])


@departure("Keras's orthogonal initializer of recurrent layers has no bfloat16")
def orthogonal_bfloat16(case, theirs, ours):
    return case["family"] == "layers" and _only("error", "value", theirs, ours, ["Unsupported dtype bfloat16"])


@departure("IoU metrics take weights of examples; Keras fails to broadcast them to the flat labels")
def iou_weights(case, theirs, ours):
    return "IoU" in _name(case) and _only("error", "value", theirs, ours, ["Incompatible types for broadcasting"])


@departure("labels (n, 1) are (n,) to the generalized crossentropy; Keras broadcasts them to (n, n)")
def generalized_labels(case, theirs, ours):
    name = "ategorical_generalized_crossentropy" if "program" in case else "CategoricalGeneralizedCrossEntropy"
    given = case.get("args") or case.get("program", {}).get("args", [{}])
    return _name(case).endswith(name) and given[0].get("array", [])[-1:] == [1] and theirs[0] == ours[0] == "value"


@departure("the mean and variance of integers are floats; Keras rounds layer_normalization to the integers' dtype")
def normalized_integers(case, theirs, ours):
    if not _name(case).endswith(("ops.layer_normalization", "ops.rms_normalization")):
        return False
    return not case["program"]["args"][0]["dtype"].startswith(("float", "bfloat"))


@departure("the number of entries of a symbolic array is a number, None where it is not known; Keras's is symbolic")
def symbolic_size(case, theirs, ours):
    return case["family"] == "symbolic" and _name(case) == "ops.size" and theirs[0] == ours[0] == "value"


@departure(
    "a symbolic call gives the shapes, dtypes and errors of an eager one, or knows more sizes; some of Keras's do not"
)
def symbolic_as_eager(case, theirs, ours):
    if case["family"] != "symbolic":
        return False
    eager = symbolic.eager(case)
    if ours[0] == "error" or eager is None:
        return ours[0] == "error" and eager is None
    as_eager = symbolic.agrees(ours[1], eager)
    return as_eager and (
        theirs[0] == "error" or not symbolic.agrees(theirs[1], eager) or symbolic.agrees(theirs[1], ours[1])
    )


# Where Keras 3.15.1 on JAX fails and minidl computes: a name, words of Keras's error, the reason.
ACCEPTED = [
    ("ops.", "requires ndarray or scalar arguments, got <class 'list'>", "lists are arrays to every function"),
    ("ops.", "does not accept dtype", "integers are converted to floats"),
    ("ops.correlate", "instances of 'NoneType' and 'NoneType'", "vectors of unknown sizes are taken as equally long"),
    ("ops.conv", "number of input channels must match", "fewer channels of a kernel are groups, also of symbolic ones"),
    ("ops.", "`num_segments` must be set", "the number of segments is counted where values are known"),
    ("regularizers.OrthogonalRegularizer", "could not be broadcast together", "columns are compared with columns"),
    ("layers.", "Unsupported dtype float16", "the orthogonal initializer works in 16-bit types"),
    ("ops.", "Unsupported dtype float16", "16-bit matrices are computed in float32"),
    ("initializers.Orthogonal", "Unsupported dtype", "the orthogonal initializer works in 16-bit types"),
    ("ops.", "reduce_window got inconsistent", "strides that are not given are the size of the window"),
    ("ops.max_pool", "could not be broadcast together", "strides that are not given are the size of the window"),
    ("ops.average_pool", "could not be broadcast together", "strides that are not given are the size of the window"),
    ("metrics.", "Incompatible types for broadcasting", "weights of examples hold for all that an example has"),
    ("metrics.", "could not be broadcast together", "weights of examples hold for all that an example has"),
    ("losses.", "must have the same shape up until the last dimension", "one class needs no axis of its own"),
    ("losses.CategoricalGeneralizedCrossEntropy", "Incompatible shapes for", "one class needs no axis of its own"),
    ("layers.RNN", "'list' object has no attribute 'assign'", "stacked cells may be stateful"),
    ("layers.GRU", "carry output must have equal types", "16-bit states without a bias keep their dtype"),
    ("layers.RMSNormalization", "Incompatible shapes for broadcasting", "the scale holds along the axis"),
    ("layers.Conv", "requires arguments to have the same dtypes", "integers are converted to the kernel's dtype"),
    ("layers.Depthwise", "requires arguments to have the same dtypes", "integers are converted to the kernel's dtype"),
    ("layers.Separable", "requires arguments to have the same dtypes", "integers are converted to the kernel's dtype"),
]


@departure("Keras fails where minidl computes: see ACCEPTED")
def accepted(case, theirs, ours):
    return any(
        _name(case).startswith(name) and _only("error", "value", theirs, ours, [words]) for name, words, _ in ACCEPTED
    )


# Results of another dtype: a name, Keras's dtype, minidl's, the reason.
DTYPES = [
    ("random.dropout", "float64", "float32", "float64 is float32, also where nothing is dropped"),
    ("losses.sparse_categorical_crossentropy", "float32", "float16", "the loss of 16-bit logits is of 16 bits"),
    ("regularizers.Orthogonal", "float32", "bfloat16", "the penalty of a 16-bit weight is of 16 bits"),
    ("ops.logaddexp", "float32", "float16", "a number of Python has no dtype of its own"),
    ("ops.arctan2", "float32", "float16", "a number of Python has no dtype of its own"),
    ("ops.logaddexp", "float32", "bfloat16", "a number of Python has no dtype of its own"),
    ("ops.arctan2", "float32", "bfloat16", "a number of Python has no dtype of its own"),
]


@departure("another dtype: see DTYPES")
def other_dtype(case, theirs, ours):
    if theirs[0] != "value" or ours[0] != "value":
        return False
    both = [outcome[1] if isinstance(outcome[1], list) else [outcome[1]] for outcome in (theirs, ours)]
    pair = [str(getattr(values[0], "dtype", "")) for values in both if values]
    if not any(_name(case).startswith(name) and pair == [want, got] for name, want, got, _ in DTYPES):
        return False
    values = [[np.asarray(value).astype("float32") for value in values] for values in both]
    return bool(np.allclose(*values, rtol=0.02, atol=0.02, equal_nan=True))


@departure("NaN is True as a bool, as in NumPy")
def nan_as_bool(case, theirs, ours):
    return _name(case) == "ops.saturate_cast" and case["program"]["kwargs"].get("dtype") == "bool"


@departure("a prediction that is NaN makes the score NaN")
def nan_scores(case, theirs, ours):
    return case["family"] == "metrics" and "'special'" in str(case) and "nan" in str(ours[1])
