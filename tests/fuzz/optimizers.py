"""Cases of optimizers: several steps on given gradients, the weights after each and the state; of schedules."""

# ruff: noqa: E501, tables

from tests.fuzz.values import build, call

OPTIONS = {
    "SGD": {"momentum": [0.9], "nesterov": [True]},
    "Adam": {"amsgrad": [True], "beta_1": [0.5], "epsilon": [1e-3]},
    "AdamW": {"amsgrad": [True], "beta_2": [0.9]},
    "Adamax": {"beta_1": [0.5]},
    "Nadam": {"beta_1": [0.8]},
    "RMSprop": {"momentum": [0.5], "centered": [True], "rho": [0.5]},
    "Adagrad": {"initial_accumulator_value": [0.5]},
    "Adadelta": {"rho": [0.5]},
    "Adafactor": {"relative_step": [False], "beta_2_decay": [-0.5]},
    "Ftrl": {"l1_regularization_strength": [0.01], "beta": [0.1], "l2_shrinkage_regularization_strength": [0.1]},
    "Lamb": {"beta_1": [0.5]},
    "Lion": {"beta_1": [0.5]},
}
COMMON = {
    "clipnorm": [0.5], "clipvalue": [0.1], "global_clipnorm": [1.0], "use_ema": [True], "ema_momentum": [0.5],
    "ema_overwrite_frequency": [2], "gradient_accumulation_steps": [2, 3], "weight_decay": [0.01], "loss_scale_factor": [8.0],
}  # fmt: skip


def schedule(d):
    """Description of a learning rate schedule."""
    base = "optimizers.schedules."
    return d.choice([
        call(base + "ExponentialDecay", 0.1, d.choice([2, 3]), 0.5, **d.options(staircase=[True])),
        call(base + "InverseTimeDecay", 0.1, 2, 0.5, **d.options(staircase=[True])),
        call(base + "PolynomialDecay", 0.1, 3, **d.options(power=[2.0], cycle=[True], end_learning_rate=[0.01])),
        call(base + "PiecewiseConstantDecay", [1, 3], [0.1, 0.05, 0.01]),
        call(base + "CosineDecay", 0.1, 4, **d.options(alpha=[0.1], warmup_steps=[2])),
        call(base + "CosineDecayRestarts", 0.1, 2, **d.options(t_mul=[1.0], m_mul=[0.5])),
    ])  # fmt: skip


def optimizer(d):
    """Description of an optimizer."""
    name = d.choice(list(OPTIONS))
    rate = schedule(d) if d.chance(0.2) else d.choice([0.1, 0.01])
    common = {key: d.choice(values) for key, values in COMMON.items() if d.chance(0.12)}
    return call(f"optimizers.{name}", learning_rate=rate, **d.options(**OPTIONS[name]), **common)


def draw(d):
    if d.chance(0.1):
        return {"schedule": schedule(d), "steps": [0, 1, 2, 3, 5, 8]}
    shapes = [d.choice([[3], [2, 3], [1], [2, 1, 3], []]) for _ in range(d.randint(1, 2))]
    values = [d.array(shape, "float32", "normal", 0) for shape in shapes]
    steps = [[d.array(shape, "float32", "normal", 0) for shape in shapes] for _ in range(d.randint(1, 4))]
    return {"optimizer": optimizer(d), "values": values, "gradients": steps, "tolerance": 10.0}


def run(library, case):
    if "schedule" in case:
        made = build(library, case["schedule"])
        again = type(made).from_config(made.get_config())
        return [[float(made(step)), float(again(step))] for step in case["steps"]]
    made = build(library, case["optimizer"])
    variables = [library.Variable(value) for value in build(library, case["values"])]
    made.build(variables)
    states = []
    for gradients in build(library, case["gradients"]):
        made.apply_gradients(list(zip([library.ops.convert_to_tensor(g) for g in gradients], variables)))
        states.append([variable.numpy() for variable in variables])
    if made.use_ema:
        made.finalize_variable_values(variables)
    found = {"states": states, "last": [variable.numpy() for variable in variables], "rate": float(made.learning_rate)}
    return found | {"iterations": int(made.iterations), "config": sorted(made.get_config())}
