"""Cases of metrics: several updates with weights, the result, the variables, and the result after a reset."""

from tests.fuzz.losses import pair, weights
from tests.fuzz.values import build, call

KINDS = {
    "Accuracy": ("labels", "labels"),
    "BinaryAccuracy BinaryCrossentropy F1Score FBetaScore AUC Precision Recall TruePositives TrueNegatives "
    "FalsePositives FalseNegatives PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity "
    "SpecificityAtSensitivity BinaryIoU": ("onehot", "unit"),
    "CategoricalAccuracy TopKCategoricalAccuracy CategoricalCrossentropy OneHotIoU OneHotMeanIoU": ("onehot", "unit"),
    "SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SparseCategoricalCrossentropy": (
        "labels",
        "probabilities",
    ),
    "MeanSquaredError MeanAbsoluteError RootMeanSquaredError LogCoshError R2Score PearsonCorrelation "
    "ConcordanceCorrelation CosineSimilarity MeanAbsolutePercentageError": ("normal", "normal"),
    "KLDivergence Poisson MeanSquaredLogarithmicError Hinge SquaredHinge CategoricalHinge": ("unit", "unit"),
}
THRESHOLDS = {"thresholds": [0.3, [0.2, 0.7]]}
OPTIONS = {
    "BinaryAccuracy": {"threshold": [0.3]},
    "BinaryCrossentropy": {"label_smoothing": [0.1]},
    "F1Score": {"average": ["micro", "macro", "weighted"], "threshold": [0.4]},
    "FBetaScore": {"average": ["micro", "macro"], "beta": [2.0]},
    "AUC": {"curve": ["PR"], "num_thresholds": [3, 50], "summation_method": ["minoring", "majoring"]},
    "Precision": {**THRESHOLDS, "top_k": [1], "class_id": [0]},
    "Recall": {**THRESHOLDS, "top_k": [1], "class_id": [0]},
    "TruePositives": THRESHOLDS,
    "FalseNegatives": THRESHOLDS,
    "TopKCategoricalAccuracy": {"k": [1, 2]},
    "SparseTopKCategoricalAccuracy": {"k": [1, 2]},
    "R2Score": {"class_aggregation": ["variance_weighted_average", None]},
    "BinaryIoU": {"threshold": [0.3], "target_class_ids": [[0], [1]]},
    "CosineSimilarity": {"axis": [-1, 0]},
}
NEEDED = {
    "PrecisionAtRecall": [0.5],
    "RecallAtPrecision": [0.6],
    "SensitivityAtSpecificity": [0.5],
    "SpecificityAtSensitivity": [0.4],
}


def draw(d):
    if d.chance(0.12):
        shape = d.shape(0, 3)
        values = [
            [d.array(shape), d.choice([None, d.array(shape, "float32", "weights")])] for _ in range(d.randint(1, 2))
        ]
        return {"metric": call(f"metrics.{d.choice(['Mean', 'Sum'])}"), "updates": values, "tolerance": 5.0}
    names = d.choice(list(KINDS))
    name = d.choice(names.split())
    target, predicted = pair(d, KINDS[names])
    needed = list(NEEDED.get(name, []))
    if name == "OneHotIoU":
        needed = [target["array"][-1], [0]]
    elif name == "OneHotMeanIoU":
        needed = [target["array"][-1]]
    if KINDS[names] == ("labels", "labels"):
        predicted = {**predicted, "array": target["array"], "fill": "labels", "dtype": target["dtype"], "high": 3}
    given = weights(d, target)
    updates = [
        [{**target, "seed": target["seed"] + n}, {**predicted, "seed": predicted["seed"] + n}, given]
        for n in range(d.randint(1, 3))
    ]
    return {
        "metric": call(f"metrics.{name}", *needed, **d.options(**OPTIONS.get(name, {}))),
        "updates": updates,
        "tolerance": 5.0,
    }


def run(library, case):
    metric = build(library, case["metric"])
    results = []
    for update in case["updates"]:
        metric.update_state(*build(library, update))
        results.append(metric.result())
    variables = [variable.numpy() for variable in metric.variables]
    metric.reset_state()
    results.append(metric.result())
    again = type(metric).from_config(metric.get_config())
    again.update_state(*build(library, case["updates"][0]))
    return {"results": results, "variables": variables, "again": again.result()}
