"""EarlyStopping: what tests/references does not show, such as errors, messages and the mode inferred from a name."""

import functools
import types

import numpy as np
import pytest

import minidl
from minidl import ops
from minidl.callbacks import EarlyStopping, ModelCheckpoint, MonitorCallback, ReduceLROnPlateau
from tests.references.callbacks import Model

HIGHER = [
    *("accuracy", "acc", "binary_accuracy", "sparse_top_k_categorical_accuracy", "auc", "precision", "recall"),
    *("precision_at_recall", "sensitivity_at_specificity", "f1_score", "fbeta_score", "r2_score", "mean_io_u"),
    *("cosine_similarity", "pearson_correlation", "concordance_correlation", "specificity_at_sensitivity"),
]
LOWER = [
    *("loss", "mse", "MSE", "mae", "mean_squared_error", "root_mean_squared_error", "hinge", "categorical_hinge"),
    *("binary_crossentropy", "kl_divergence", "poisson", "logcosh", "mean_absolute_percentage_error"),
]


@pytest.mark.parametrize(("names", "mode"), [(HIGHER, "max"), (LOWER, "min")])
def test_the_mode_follows_from_the_metric(names, mode):
    for name in names:
        for form in (name, f"val_{name}", f"{name}_1", f"val_{name}_12", f"decoder_{name}", f"val_decoder_{name}"):
            assert EarlyStopping(monitor=form).mode == mode, form


@pytest.mark.parametrize("name", ["reward", "val_reward", "gloss", "lossy", "true_positives"])
def test_a_metric_of_unknown_direction_is_refused_before_training(name):
    model = compiled(minidl.metrics.Mean(name="reward"))
    with pytest.raises(ValueError, match=f"EarlyStopping: cannot infer from the metric '{name}' .* Give mode='max'"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=EarlyStopping(monitor=name))
    assert int(model.optimizer.iterations) == 0
    assert EarlyStopping(monitor=name, mode="max").mode == "max"


Best = functools.partial(ModelCheckpoint, "best.keras", save_best_only=True)


def with_metrics(*metrics):
    return types.SimpleNamespace(metrics=metrics)


class Reward(minidl.metrics.Mean):
    def __init__(self, direction, name="reward"):
        super().__init__(name=name)
        self._direction = direction

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_pred)


def compiled(metric):
    model = minidl.Sequential([minidl.Input((2,)), minidl.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[metric])
    return model


# As Keras 3.15.1 has them: `keras.metrics.AUC()._direction == "up"`, and so on.
MODES = {
    "AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy ConcordanceCorrelation CosineSimilarity F1Score "
    "FBetaScore IoU MeanIoU OneHotIoU OneHotMeanIoU PearsonCorrelation Precision PrecisionAtRecall R2Score Recall "
    "RecallAtPrecision SensitivityAtSpecificity SparseCategoricalAccuracy SparseTopKCategoricalAccuracy "
    "SpecificityAtSensitivity TopKCategoricalAccuracy": "max",
    "BinaryCrossentropy CategoricalCrossentropy CategoricalHinge Hinge KLDivergence LogCoshError MeanAbsoluteError "
    "MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson RootMeanSquaredError "
    "SparseCategoricalCrossentropy SquaredHinge": "min",
}
ARGUMENTS = {
    "IoU": (2, [0]),
    "OneHotIoU": (2, [0]),
    **dict.fromkeys(["MeanIoU", "OneHotMeanIoU"], (2,)),
    **dict.fromkeys(
        ["PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"], (0.5,)
    ),
}


@pytest.mark.parametrize("make", [EarlyStopping, ReduceLROnPlateau, Best])
def test_the_direction_is_that_of_the_metric_whatever_its_name(make):
    for names, mode in MODES.items():
        for kind in names.split():
            metric = getattr(minidl.metrics, kind)(*ARGUMENTS.get(kind, ()), name="loss_of_quality")
            callback = make("val_loss_of_quality")
            callback.set_model(with_metrics(metric))
            assert callback.mode == mode, kind


@pytest.mark.parametrize(("direction", "stops_after"), [("up", 2), ("down", 4)])
def test_the_direction_of_a_custom_metric(direction, stops_after):
    """Its values are those of the one weight, which sinks by 0.1 in each epoch."""
    model = minidl.Sequential([minidl.Input((1,)), minidl.layers.Dense(1, use_bias=False)])
    model.compile(minidl.optimizers.SGD(0.1), lambda y, y_pred: y_pred, metrics=[Reward(direction)])
    data = np.ones((4, 1))
    stopper = EarlyStopping("val_reward", patience=1)
    history = model.fit(data, data, epochs=4, verbose=0, validation_data=(data, data), callbacks=stopper)
    assert len(history.epoch) == stops_after


def test_the_direction_is_inferred_again_for_another_model():
    inputs = minidl.Input((2,))
    model = minidl.Model(inputs, {name: minidl.layers.Dense(1, name=name)(inputs) for name in ("a", "b")})
    model.compile("sgd", "mse", metrics={"a": [Reward("up")], "b": [Reward("down")]})
    x, y = np.ones((4, 2)), {"a": np.ones((4, 1)), "b": np.ones((4, 1))}
    stoppers = [EarlyStopping(name) for name in ("a_reward", "b_reward")]
    model.fit(x, y, verbose=0, callbacks=stoppers)
    assert [stopper.mode for stopper in stoppers] == ["max", "min"]
    stoppers[0].set_model(with_metrics(Reward("down", name="a_reward")))
    assert stoppers[0].mode == "min"


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="EarlyStopping: mode must be 'auto', 'min' or 'max', got 'maximum'"):
        EarlyStopping(mode="maximum")


def fit(stopper, values, monitor="val_loss"):
    model = Model()
    stopper.set_model(model)
    stopper.on_train_begin()
    for epoch, value in enumerate(values):
        stopper.on_epoch_end(epoch, {monitor: value})
        if model.stop_training:
            break
    stopper.on_train_end()
    return model


def test_one_object_serves_several_fits():
    stopper = EarlyStopping(patience=1, restore_best_weights=True)
    assert fit(stopper, [0.1, 0.2, 0.3]).stop_training
    assert (stopper.stopped_epoch, stopper.best) == (1, 0.1)
    assert not fit(stopper, [0.9, 0.8]).stop_training
    assert (stopper.stopped_epoch, stopper.best, stopper.wait) == (0, 0.8, 0)


def test_what_an_epoch_is_judged_by_may_be_overridden():
    class Relative(EarlyStopping):
        def get_monitor_value(self, logs):
            return logs["val_loss"] / logs["loss"]

    stopper, model = Relative(mode="min"), Model()
    stopper.set_model(model)
    stopper.on_train_begin()
    for epoch, loss in enumerate([0.5, 0.25]):
        stopper.on_epoch_end(epoch, {"val_loss": 0.5, "loss": loss})
    assert (stopper.best, stopper.best_epoch, model.stop_training) == (1.0, 0, True)


def test_a_metric_that_is_missing_warns_with_the_names_there_are():
    stopper = EarlyStopping(monitor="val_loss")
    with pytest.warns(UserWarning, match="the metric 'val_loss' is not in the logs .* The logs have: accuracy, loss"):
        stopper.on_epoch_end(3, {"loss": 1.0, "accuracy": 0.5})
    with pytest.warns(UserWarning, match="The logs have: nothing"):
        stopper.on_epoch_end(4)
    assert stopper.wait == 0 and stopper.best is None


def test_verbose_messages(capsys):
    fit(EarlyStopping(patience=1, restore_best_weights=True, verbose=1), [0.5, 0.25, 0.75])
    assert capsys.readouterr().out == (
        "Epoch 3: stopped early; the best val_loss was 0.25 in epoch 2.\nThe weights of epoch 2 are restored.\n"
    )
    fit(EarlyStopping(patience=1, verbose=1), [0.5, 0.25])
    assert capsys.readouterr().out == ""
    fit(EarlyStopping(patience=1, restore_best_weights=True), [0.5, 0.25, 0.75])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("monitor", "operation"), [("val_loss", "less"), ("val_accuracy", "greater")])
def test_the_operation_that_compares(monitor, operation):
    stopper = EarlyStopping(monitor)
    assert stopper.monitor_op is getattr(ops, operation) and isinstance(stopper, MonitorCallback)
