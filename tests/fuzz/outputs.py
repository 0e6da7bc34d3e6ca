"""Cases of models with several outputs: losses, weights of losses, metrics and sample weights for each."""

from tests.fuzz import models
from tests.fuzz.values import build, call


def draw(d):
    rows, keys = d.choice([5, 8, 11]), d.choice(["names", "positions"])
    heads = []
    for name in ["b", "a", "c"][: d.randint(2, 3)]:
        loss = d.choice(list(models.OUTPUTS))
        activation, fill = models.OUTPUTS[loss]
        units = 1 if loss == "binary_crossentropy" else 3
        shape = [rows] if loss.startswith("sparse") else [rows, units]
        target = d.array(shape, "int32" if loss.startswith("sparse") else "float32", fill, 0, high=max(units, 2))
        metrics = d.choice([[], models.METRICS.get(loss, ["mse"])])
        heads.append(
            {"name": name, "loss": loss, "metrics": metrics, "y": target, "units": units, "activation": activation}
        )
        heads[-1]["sample_weight"] = d.array([rows], "float32", "weights", 0)
    fit = {"epochs": 2, "batch_size": d.choice([4, 32]), "verbose": 0, **d.options(shuffle=[False])}
    one_loss = d.chance(0.15)  # then Keras takes no weights
    outputs = d.choice(["list", "dict"]) if keys == "names" else "list"
    return {
        "heads": heads, "keys": keys, "fit": fit, "outputs": outputs,
        "one_loss": one_loss, "loss_weights": None if one_loss else d.choice([None, [0.5, 2.0, 1.0][: len(heads)]]),
        "weighted": d.chance(0.3), "x": d.array([rows, 3], "float32", "normal", 0),
        "optimizer": call("optimizers.SGD", learning_rate=0.05), "seed": d.randint(0, 99), "tolerance": 50.0,
    }  # fmt: skip


def run(library, case):
    heads = case["heads"]
    names = [head["name"] for head in heads]

    def keyed(values):
        return dict(zip(names, values)) if case["keys"] == "names" else list(values)

    x = inputs = library.Input((3,))
    x = library.layers.Dense(4, activation="tanh")(x)
    tops = [library.layers.Dense(h["units"], activation=h["activation"], name=h["name"])(x) for h in heads]
    model = library.Model(inputs, dict(zip(names, tops)) if case["outputs"] == "dict" else tops)
    model.compile(
        optimizer=build(library, case["optimizer"]),
        loss="mse" if case["one_loss"] else keyed([head["loss"] for head in heads]),
        loss_weights=case["loss_weights"] and keyed(case["loss_weights"]),
        metrics=keyed([head["metrics"] for head in heads]),
    )
    x, y = build(library, case["x"]), keyed([build(library, head["y"]) for head in heads])
    if case["weighted"]:
        case = {**case, "fit": {**case["fit"], "sample_weight": keyed([head["sample_weight"] for head in heads])}}
    history = model.fit(x, y, **build(library, case["fit"])).history
    predicted = model.predict(x, verbose=0)
    return {
        "history": {key: [float(value) for value in values] for key, values in history.items()},
        "weights": model.get_weights(),
        "predicted": [predicted[name] for name in names] if isinstance(predicted, dict) else predicted,
        "evaluated": model.evaluate(x, y, verbose=0),
        "on_batch": model.train_on_batch(x, y, return_dict=True),
    }
