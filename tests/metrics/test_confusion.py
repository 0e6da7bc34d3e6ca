"""Metrics of confusion, overlap, F scores and R2: what follows from their definitions, and what they refuse.

Their results are compared with Keras's in references/metrics_confusion.py, their configs and stateless forms in
test_metrics.py.
"""

import warnings

import jax
import numpy as np
import pytest

import minidl
from minidl import layers, metrics
from minidl.metrics.counts import count, even_thresholds

LATE = [metrics.F1Score, metrics.FBetaScore, metrics.R2Score, lambda: metrics.AUC(multi_label=True)]


def data(*shape, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 2, shape), random.uniform(size=shape).astype("float32")


# Counts


@pytest.mark.slow
@pytest.mark.parametrize("by_label", [False, True])
def test_buckets_of_even_thresholds_count_as_comparisons_do(by_label):
    y_true, y_pred = data(50, 3)
    y_pred[:20] = np.round(y_pred[:20] * 4) / 4  # on the thresholds themselves
    weights, thresholds = np.arange(50) % 7 / 4, even_thresholds(5)
    order = [3, 0, 4, 2, 1]
    even = count("test", y_true, y_pred, weights, thresholds, by_label=by_label)
    uneven = count("test", y_true, y_pred, weights, [thresholds[i] for i in order], by_label=by_label)
    for a, b in zip(even, uneven):
        np.testing.assert_array_equal(np.asarray(a)[order], b)


@pytest.mark.slow
def test_the_four_counts_are_all_there_is():
    y_true, y_pred = data(9, 2)
    counts = count("test", y_true, y_pred, None, even_thresholds(7))
    np.testing.assert_array_equal(sum(counts), 18.0)
    np.testing.assert_array_equal(counts.true_positives + counts.false_negatives, y_true.sum())


def test_weights_of_examples_hold_for_all_their_values():
    y_true, y_pred = data(4, 3, 2)
    weights = np.float32([1, 0, 2, 0.5])
    of_values = np.broadcast_to(weights[:, None, None], (4, 3, 2))
    metric, same = metrics.Precision(), metrics.Precision()
    assert float(metric(y_true, y_pred, sample_weight=weights)) == float(same(y_true, y_pred, sample_weight=of_values))


def test_one_threshold_gives_a_number_and_several_an_array():
    assert metrics.Recall(thresholds=[0.5])([1, 0], [1.0, 0.0]).shape == ()
    np.testing.assert_array_equal(metrics.Recall(thresholds=(0.5, 0.25))([1, 1], [1.0, 0.3]), [0.5, 1.0])
    assert metrics.Precision(thresholds=np.float32(0.5)).thresholds == [0.5]


# AUC


@pytest.mark.slow
def test_area_under_roc_is_how_often_a_positive_is_above_a_negative():
    """Mann and Whitney, 1947; each prediction has a bucket of its own, so no two are tied."""
    y_true, _ = data(40)
    y_pred = (np.random.default_rng(3).permutation(40) + 0.5) / 40
    above = y_pred[y_true == 1][:, None] > y_pred[y_true == 0]
    assert float(metrics.AUC(num_thresholds=41)(y_true, y_pred)) == pytest.approx(above.mean(), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("curve, thresholds", [("ROC", None), ("PR", [0.2, 0.3, 0.9]), ("PRGAIN", [0.2, 0.3, 0.9])])
def test_each_label_has_its_own_area(curve, thresholds):
    y_true, y_pred = data(30, 3)
    arguments = {"curve": curve, "thresholds": thresholds}
    areas = [float(metrics.AUC(**arguments)(y_true[:, i], y_pred[:, i])) for i in range(3)]
    result = metrics.AUC(multi_label=True, label_weights=[1, 0, 3], **arguments)(y_true, y_pred)
    assert float(result) == pytest.approx(np.average(areas, weights=[1, 0, 3]), rel=1e-5)


def test_label_weights_come_back_from_a_config():
    metric = metrics.AUC(multi_label=True, num_labels=2, label_weights=[1.0, 3.0])
    again = metrics.get(metrics.serialize(metric))
    assert again.get_config() == metric.get_config()
    assert again.get_config()["label_weights"] == [1.0, 3.0]


# Metrics that make their variables when they see a batch


@pytest.mark.slow
@pytest.mark.parametrize("make", LATE)
def test_stateless_from_the_first_batch_on(make):
    metric, same = make(), make()
    state = metric.stateless_reset_state()
    for seed in range(2):
        y_true, y_pred = data(8, 3, seed=seed)
        state = jax.jit(metric.stateless_update_state)(state, y_true.astype("float32"), y_pred)
        same.update_state(y_true, y_pred)
    np.testing.assert_allclose(metric.stateless_result(state), same.result(), rtol=1e-5)
    assert all(not np.any(variable.numpy()) for variable in metric.variables)


@pytest.mark.parametrize("make", LATE)
def test_no_result_before_the_first_batch(make):
    with pytest.raises(RuntimeError, match="no result yet. Call update_state first"):
        make().result()


@pytest.mark.slow
def test_in_a_compiled_model():
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(40, 3)).astype("float32"), random.integers(0, 3, 40)
    y = np.eye(3, dtype="float32")[labels]
    minidl.utils.set_random_seed(0)
    model = minidl.Sequential([layers.Dense(3, activation="softmax", input_shape=(3,))])
    made = [
        lambda: metrics.AUC(multi_label=True, name="by_label"),
        lambda: metrics.F1Score("macro"),
        lambda: metrics.F1Score(name="of_classes"),
        lambda: metrics.R2Score(),
        lambda: metrics.OneHotMeanIoU(3, name="iou"),
    ]
    model.compile("sgd", "categorical_crossentropy", metrics=[make() for make in made])
    logs = model.evaluate(x, y, batch_size=20, verbose=0, return_dict=True)
    predicted = model.predict(x, verbose=0)
    for make, reported in zip(made, model.metrics[1:], strict=True):
        np.testing.assert_allclose(logs[reported.name], make()(y, predicted), rtol=1e-5, err_msg=reported.name)
    assert len(model.fit(x, y, batch_size=20, verbose=0).history["of_classes"][0]) == 3


# Overlap


def test_values_out_of_the_classes_are_ignored():
    metric = metrics.MeanIoU(2)
    metric.update_state([0, 1, 255, 1, -1], [0, 1, 0, 7, 1])
    np.testing.assert_array_equal(metric.total_cm.value, [[1, 0], [0, 1]])


@pytest.mark.slow
def test_a_class_that_does_not_occur_is_left_out():
    assert float(metrics.MeanIoU(5)([0, 1], [0, 1])) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.slow
def test_counts_in_integers_warn_of_weights_that_are_not():
    with pytest.warns(UserWarning, match="Give the metric dtype='float32'"):
        metrics.MeanIoU(2).update_state([0, 1], [0, 1], sample_weight=np.float32([0.5, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric = metrics.MeanIoU(2, dtype="float32")
        assert float(metric([0, 1, 1], [0, 1, 0], sample_weight=np.float32([0.5, 1, 0.5]))) == pytest.approx(
            (0.5 / 1 + 1 / 1.5) / 2
        )


@pytest.mark.slow
def test_weights_of_maps():
    maps = np.random.default_rng(0).integers(0, 2, (2, 2, 3, 3))
    metric = metrics.MeanIoU(2)
    metric.update_state(maps[0], maps[1], sample_weight=[1, 0])
    same = metrics.MeanIoU(2)
    same.update_state(maps[0, :1], maps[1, :1])
    np.testing.assert_array_equal(metric.total_cm.value, same.total_cm.value)


# R2


def test_adjusted_r2_follows_from_r2():
    y_true, y_pred = np.random.default_rng(0).normal(size=(2, 12, 1))
    plain = float(metrics.R2Score()(y_true, y_pred))
    adjusted = float(metrics.R2Score(num_regressors=3)(y_true, y_pred))
    assert adjusted == pytest.approx(1 - (1 - plain) * 11 / 8, rel=1e-5)
    for too_many in (11, 30):
        assert float(metrics.R2Score(num_regressors=too_many)(y_true, y_pred)) == pytest.approx(plain)


# What is refused


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: metrics.Precision(thresholds=1.5), "precision.*: thresholds must be numbers from 0 to 1, got 1.5"),
        (lambda: metrics.Recall(thresholds=[0.5, None]), r"from 0 to 1, got \[0.5, None\]"),
        (lambda: metrics.TruePositives(thresholds=[]), r"from 0 to 1, got \[\]"),
        (lambda: metrics.RecallAtPrecision(1.5), "precision must be from 0 to 1, got 1.5"),
        (lambda: metrics.PrecisionAtRecall(0.5, num_thresholds=0), "num_thresholds must be at least 1, got 0"),
        (lambda: metrics.AUC(curve="RO"), "curve must be one of .*, got 'RO'"),
        (lambda: metrics.AUC(summation_method="middle"), "summation_method must be one of .*, got 'middle'"),
        (lambda: metrics.AUC(num_thresholds=1), "num_thresholds must be at least 2, got 1"),
        (lambda: metrics.AUC(thresholds=[0.5, 2]), r"thresholds must be numbers from 0 to 1, got \[0.5, 2.0\]"),
        (lambda: metrics.AUC(num_labels=3), "num_labels=3 is for multi_label=True only"),
        (lambda: metrics.IoU(2, [0, 2]), r"target_class_ids must be from 0 to 1, got \[2\]"),
        (lambda: metrics.F1Score(average="mean"), "average must be one of .*, got 'mean'"),
        (lambda: metrics.FBetaScore(beta=-1.0), "beta must be a number above 0, got -1.0"),
        (lambda: metrics.F1Score(threshold=0.0), "threshold must be None or 0 < threshold <= 1, got 0.0"),
        (
            lambda: metrics.R2Score(class_aggregation="mean"),
            "class_aggregation must be one of .*, got 'mean'",
        ),
        (lambda: metrics.R2Score(num_regressors=-1), "num_regressors must be at least 0, got -1"),
    ],
)
def test_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "metric, y_true, y_pred, message",
    [
        (metrics.Precision(), (4,), (4, 4), r"y_true has shape \(4,\), y_pred \(4, 4\)"),
        (metrics.Precision(top_k=5), (2, 4), (2, 4), "top_k must be from 1 to the 4 classes of y_pred, got 5"),
        (metrics.Recall(class_id=4), (2, 4), (2, 4), "class_id=4 needs y_true and y_pred of shape"),
        (metrics.Recall(class_id=1), (4,), (4,), r"got the shape \(4,\)"),
        (metrics.AUC(multi_label=True), (4,), (4,), r"needs y_pred of shape \(batch, labels\), got \(4,\)"),
        (metrics.AUC(multi_label=True, num_labels=3), (2, 4), (2, 4), r"shape \(batch, 3\), got \(2, 4\)"),
        (metrics.AUC(label_weights=[1, 2, 3]), (2, 4), (2, 4), r"label_weights has shape \(3,\).*\(4,\), one for each"),
        (metrics.F1Score(), (4,), (4, 3), r"y_true has shape \(4,\), y_pred \(4, 3\); both must be \(batch, classes\)"),
        (metrics.R2Score(), (4,), (4,), r"must be \(batch, outputs\), got the shape \(4,\)"),
        (metrics.MeanIoU(3), (4,), (4, 3), r"y_true has shape \(4,\), y_pred \(4, 3\).*Check sparse_y_true"),
    ],
)
def test_shapes(metric, y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        metric.update_state(np.ones(y_true), np.ones(y_pred))


def test_weights():
    with pytest.raises(ValueError, match=r"sample_weight has shape \(3,\), but precision"):
        metrics.Precision().update_state(np.ones((4, 2)), np.ones((4, 2)), sample_weight=np.ones(3))


NAN = float("nan")


@pytest.mark.slow
@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize(
    "metric",
    [
        metrics.AUC(),
        metrics.AUC(curve="PR"),
        metrics.AUC(curve="PRGAIN", summation_method="majoring"),
        metrics.AUC(thresholds=[0.1, 0.4, 0.9], summation_method="minoring"),
        metrics.Precision(),
        metrics.Recall(),
        metrics.TruePositives(),
        metrics.TrueNegatives(),
        metrics.FalsePositives(),
        metrics.FalseNegatives(),
        metrics.SensitivityAtSpecificity(0.5),
        metrics.SpecificityAtSensitivity(0.5),
        metrics.PrecisionAtRecall(0.5),
        metrics.RecallAtPrecision(0.5),
        metrics.BinaryAccuracy(),
    ],
    ids=lambda metric: metric.name,
)
def test_a_prediction_that_is_nan_makes_the_score_nan(metric, label):
    predictions = np.array([[NAN], [0.5], [0.3], [0.9]], "float32")
    labels = np.array([[label], [0.0], [1.0], [1.0]], "float32")
    metric.reset_state()
    assert np.isnan(metric(labels, predictions))
    metric.reset_state()
    ignored = metric(labels, predictions, sample_weight=np.array([0.0, 1.0, 1.0, 1.0], "float32"))
    metric.reset_state()
    np.testing.assert_allclose(ignored, metric(labels[1:], predictions[1:]), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("row", [[NAN, NAN, NAN], [0.1, NAN, 0.3]], ids=["all", "one"])
def test_scores_of_classes_that_are_nan_are_never_perfect(row, label):
    predictions = np.array([row], "float32")
    one_hot = np.eye(3, dtype="float32")[[label]]
    assert np.isnan(metrics.SparseCategoricalAccuracy()(np.array([label]), predictions))
    for metric in (
        *(metrics.CategoricalAccuracy(), metrics.F1Score("macro")),
        *(metrics.FBetaScore("micro"), metrics.Precision(top_k=1), metrics.Recall(top_k=2), metrics.AUC()),
    ):
        assert np.isnan(metric(one_hot, predictions)), metric.name
    for metric in (metrics.OneHotMeanIoU(3), metrics.OneHotIoU(3, [label])):
        assert float(metric(one_hot, predictions)) == 0, metric.name
    assert float(metrics.MeanIoU(3)(np.array([label]), np.array([NAN], "float32"))) == 0
    assert float(metrics.BinaryIoU()(np.array([label > 0]), np.array([NAN], "float32"))) == 0
