"""Cases of models that are trained in mixed precision."""

from tests.fuzz import models
from tests.fuzz.values import call

TOLERANCES = {"mixed_float16": 500.0, "mixed_bfloat16": 4000.0}  # times those of float32


def draw(d):
    case, policy = models.draw(d), d.choice(list(TOLERANCES))
    # With the default scale, the gradients of Keras's crossentropies, which do not see the logits, overflow float16.
    sgd = call("optimizers.SGD", learning_rate=0.01)
    case["compile"]["optimizer"] = call(
        "optimizers.LossScaleOptimizer", sgd, initial_scale=16.0, dynamic_growth_steps=3
    )
    case["fit"].pop("callbacks", None)  # they decide by rounding
    return {**case, "policy": policy, "tolerance": TOLERANCES[policy]}


def run(library, case):
    library.config.set_dtype_policy(case["policy"])
    return models.run(library, case)
