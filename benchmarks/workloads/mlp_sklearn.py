"""The classifiers of `mlp` in scikit-learn."""

from __future__ import annotations

from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits  # a dependency of scikit-learn

from benchmarks.peers import Clock, Result
from benchmarks.workloads.mlp import MLP


def train(work: MLP, clock: Clock) -> Result:
    """Train the classifier by one `fit`, whose epochs are not reported: each gets an equal share of the time."""
    x, y = work.data()
    model = MLPClassifier(
        (work.units, work.units),
        alpha=0.0,  # no penalty on the weights
        batch_size=work.batch_size,
        learning_rate_init=work.learning_rate,
        max_iter=work.epochs,
        n_iter_no_change=work.epochs + 1,  # no early stopping
        epsilon=1e-7,
    )
    with threadpool_limits(1 if work.small else None):  # faster
        clock.start()
        model.fit(x, y)
        clock.lap(work.epochs)
    return {"loss": float(model.loss_), "accuracy": None}
