"""Cases of losses, as functions and as objects, with weights; of regularizers, constraints and initializers."""

from tests.fuzz.values import FLOATS, build, call

KINDS = {  # fills of targets and predictions
    "MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError LogCosh Huber": ("normal", "normal"),
    "MeanSquaredLogarithmicError Poisson": ("unit", "unit"),
    "Hinge SquaredHinge CategoricalHinge": ("onehot", "normal"),
    "CosineSimilarity": ("normal", "normal"),
    "KLDivergence": ("probabilities", "probabilities"),
    "CategoricalCrossentropy CategoricalFocalCrossentropy": ("onehot", "probabilities"),
    "BinaryCrossentropy BinaryFocalCrossentropy Dice Tversky": ("onehot", "unit"),
    "SparseCategoricalCrossentropy CategoricalGeneralizedCrossEntropy": ("labels", "probabilities"),
}
OPTIONS = {
    "Huber": {"delta": [0.5, 2.0]},
    "CosineSimilarity": {"axis": [-1, 0]},
    "BinaryCrossentropy": {"from_logits": [True], "label_smoothing": [0.1]},
    "BinaryFocalCrossentropy": {"gamma": [1.0], "apply_class_balancing": [True], "from_logits": [True]},
    "CategoricalCrossentropy": {"from_logits": [True], "label_smoothing": [0.1]},
    "CategoricalFocalCrossentropy": {"gamma": [1.0], "alpha": [0.5], "from_logits": [True]},
    "SparseCategoricalCrossentropy": {"from_logits": [True], "ignore_class": [0, 2]},
    "Tversky": {"alpha": [0.3], "beta": [0.7]},
    "Dice": {"axis": [[1], -1]},
    "CategoricalGeneralizedCrossEntropy": {"q": [0.3]},
}
REDUCTIONS = ["sum", "mean", "none", None, "sum_over_batch_size", "mean_with_sample_weight"]


def snake(name):
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


def pair(d, fills, lists=0.1):
    """Targets and predictions of one shape, or integer labels and probabilities."""
    shape = [d.choice([1, 2, 3, 5]) for _ in range(d.choice([1, 2, 2, 2, 3]))] + [d.choice([1, 2, 3, 4])]
    shape = shape[d.chance(0.08) :]
    dtype = d.choice(FLOATS) if d.chance(0.3) else "float32"
    special = d.chance(0.03)
    if fills[0] == "labels":
        kind = d.choice(["int32", "int64", "uint8", "float32"])
        labels = shape[:-1] + [1] * d.chance(0.3)
        target = d.array(labels, kind, "labels", lists, high=shape[-1])
    else:
        target = d.array(
            shape, d.choice([dtype, "float32", "int32"]) if fills[0] == "onehot" else dtype, fills[0], lists
        )
    return target, d.array(shape, dtype, "special" if special else fills[1], lists)


def weights(d, target, rate=0.5):
    """Sample weights: none, a number for each example, or for each value."""
    shape = target["array"]
    if not d.chance(rate):
        return None
    return d.array(shape[: d.randint(1, max(len(shape) - 1, 1))], d.choice(["float32", "float32", "int32"]), "weights")


def draw(d):
    kind = d.random()
    if kind < 0.2:
        return _part(d)
    names = d.choice(list(KINDS))
    name = d.choice(names.split())
    target, predicted = pair(d, KINDS[names])
    options = d.options(**OPTIONS.get(name, {}))
    if kind < 0.5:
        return {"program": call(f"losses.{snake(name)}", target, predicted, **options), "tolerance": 5.0}
    loss = call(
        f"losses.{name}", **options, **d.options(reduction=REDUCTIONS, dtype=["float32", "float16", "bfloat16"])
    )
    return {"loss": loss, "args": [target, predicted, weights(d, target)], "tolerance": 5.0}


def _part(d):
    """A regularizer, constraint or initializer by itself."""
    shape = [d.choice([1, 2, 3, 5]) for _ in range(d.randint(1, 4))]
    seed = d.randint(0, 99)
    made = d.choice([
        call("regularizers.L1", d.choice([0.01, 1])), call("regularizers.L2", d.choice([0.01, 1])),
        call("regularizers.L1L2", 0.1, 0.2), call("regularizers.OrthogonalRegularizer", **d.options(mode=["columns"])),
        call("constraints.MaxNorm", d.choice([0.5, 2]), **d.options(axis=[0, -1])), call("constraints.NonNeg"),
        call("constraints.UnitNorm", **d.options(axis=[0, -1])),
        call("constraints.MinMaxNorm", **d.options(min_value=[0.5], rate=[0.3], axis=[-1])),
    ])  # fmt: skip
    if d.chance(0.5):
        return {"loss": made, "args": [d.array(shape, d.choice(FLOATS), "normal", 0)], "tolerance": 5.0}
    names = "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Orthogonal".split()
    made = d.choice([
        *(call(f"initializers.{name}", seed=seed) for name in names),
        call("initializers.RandomNormal", seed=seed), call("initializers.RandomUniform", seed=seed),
        call("initializers.TruncatedNormal", stddev=0.2, seed=seed),
        call("initializers.VarianceScaling", seed=seed, **d.options(scale=[2.0], mode=["fan_out", "fan_avg"])),
        call("initializers.Constant", d.choice([1, 2.5])), call("initializers.Ones"), call("initializers.Zeros"),
    ])  # fmt: skip
    return {"loss": made, "args": [{"tuple": shape}, *([d.choice(FLOATS)] if d.chance(0.4) else [])], "tolerance": 5.0}


def run(library, case):
    if "program" in case:
        return build(library, case["program"])
    made = build(library, case["loss"])
    again = type(made).from_config(made.get_config()) if case["loss"]["call"] != "losses.Dice" else made
    args = build(library, case["args"])
    return [made(*args), again(*args)]
