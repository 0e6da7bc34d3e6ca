"""What may differ between Keras 3.15.1 and minidl, each with its reason; narrow, so that no fault hides."""

import numpy as np

from tests.fuzz import compare

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
    axis = case["program"]["kwargs"].get("axis", -1)
    found = np.asarray(ours[1], "float64")
    return bool(np.all(found >= 0) and np.allclose(found.sum(axis), 1, atol=0.05))


@departure("weights that would only broadcast along the wrong axis are refused")
def weights_that_broadcast(case, theirs, ours):
    return case["family"] in ("losses", "metrics") and _only(
        "value", "error", theirs, ours, ["sample_weight has shape"]
    )


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


@departure("the config of metrics.CosineSimilarity keeps its axis")
def cosine_axis(case, theirs, ours):
    if _name(case) != "metrics.CosineSimilarity" or theirs[0] != "value" or ours[0] != "value":
        return False
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
    return bool(masked) and theirs[0] == ours[0] == "value"


@departure("weights of examples and steps hold for leading axes; Keras's AUC, unlike its counts, takes the last ones")
def auc_weights(case, theirs, ours):
    if _name(case) != "metrics.AUC" or theirs[0] != "value" or ours[0] != "value":
        return False
    weighted = [update for update in case["updates"] if update[2]]
    return any(1 < len(weight["array"]) < len(y_pred["array"]) for _, y_pred, weight in weighted)


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
