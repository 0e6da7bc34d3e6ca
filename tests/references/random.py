"""Random draws, bit for bit: from integer seeds, from generators, and after set_random_seed."""

import numpy as np

LOGITS = np.log([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]]).astype("float32")
ALPHA = np.array([[0.5, 2.0, 30.0]], "float32")
COUNTS, SHARES = np.array([[5.0, 10.0, 20.0]], "float32"), np.array([[0.1, 0.5, 0.9]], "float32")

# name -> draw(keras, seed), a small one of each kind
DRAWS = {
    "normal": lambda keras, seed: keras.random.normal((3, 4), mean=0.5, stddev=2.0, seed=seed),
    "uniform": lambda keras, seed: keras.random.uniform((3, 4), minval=-0.3, maxval=2.0, seed=seed),
    "truncated_normal": lambda keras, seed: keras.random.truncated_normal((3, 4), 0.5, 2.0, seed=seed),
    "randint": lambda keras, seed: keras.random.randint((3, 4), minval=-5, maxval=100, seed=seed),
    "categorical": lambda keras, seed: keras.random.categorical(LOGITS, 7, seed=seed),
    "shuffle": lambda keras, seed: keras.random.shuffle(np.arange(12.0, dtype="float32").reshape(6, 2), seed=seed),
    "dropout": lambda keras, seed: keras.random.dropout(np.ones((3, 4), "float32"), 0.4, seed=seed),
    "gamma": lambda keras, seed: keras.random.gamma((4, 3), ALPHA, seed=seed),
    "beta": lambda keras, seed: keras.random.beta((4, 3), ALPHA, ALPHA[:, ::-1], seed=seed),
    "binomial": lambda keras, seed: keras.random.binomial((4, 3), COUNTS, SHARES, seed=seed),
}
SEEDS = (0, 1, 1337, 2**31 + 5, 2**32 - 1)


def cases(keras):
    """Every function of keras.random."""
    numbers = {**seeds(keras), **arguments(keras), **uniform(keras), **generators(keras), **global_seed(keras)}
    return {f"exact_{name}": value for name, value in numbers.items()}


def seeds(keras):
    """Every kind of draw with every kind of integer."""
    return {f"{name}_seed_{seed}": draw(keras, seed) for name, draw in DRAWS.items() for seed in SEEDS}


def arguments(keras):
    """Other shapes, dtypes and axes."""
    random = keras.random
    numbers = {}
    numbers["normal_empty"] = random.normal((2, 0, 3), seed=3)
    numbers["normal_float16"] = random.normal((3, 4), dtype="float16", seed=3)
    numbers["uniform_bfloat16"] = np.asarray(random.uniform((3, 4), dtype="bfloat16", seed=3)).astype("float32")
    numbers["randint_uint8"] = random.randint((3, 4), 0, 100, dtype="uint8", seed=3)
    numbers["categorical_int8"] = random.categorical(LOGITS, 7, dtype="int8", seed=3)
    numbers["shuffle_last"] = random.shuffle(np.arange(6.0, dtype="float32"), axis=-1, seed=3)
    ones = np.ones((3, 4), "float32")
    for rate in (0.0, 0.1, 0.75, 1.0):
        numbers[f"dropout_{rate}"] = random.dropout(ones, rate, seed=3)
    for noise_shape in ((3, 1), (None, 1)):
        numbers[f"dropout_{noise_shape}"] = random.dropout(ones, 0.5, noise_shape=noise_shape, seed=3)
    return numbers


def uniform(keras):
    """The draw that almost every initial weight is."""
    numbers = {}
    for shape in ((), (2, 0, 3), (70_001,)):
        value = np.asarray(keras.random.uniform(shape, seed=3))
        numbers[f"uniform_{shape}"] = value.reshape(-1)[-40:] if value.size > 100 else value
    for low, high in ((-1e-3, 1e-3), (0.1, 0.3), (-1.0, 1e6), (5.0, 5.0), (2.0, 1.0), (-7.0, 3.0)):
        numbers[f"uniform_{low}_{high}"] = keras.random.uniform((3, 4), low, high, seed=3)
    return numbers


def generators(keras):
    """Several draws from one generator, the state that stays, and a generator made again from its config."""
    generator = keras.random.SeedGenerator(seed=1337)
    numbers = {f"stream_{i}_{name}": draw(keras, generator) for i, (name, draw) in enumerate(DRAWS.items())}
    numbers["stream_state"] = generator.state.numpy()
    numbers["stream_next"] = np.stack([np.asarray(generator.next()) for _ in range(3)])
    numbers["stream_unordered"] = np.stack([np.asarray(generator.next(ordered=False)) for _ in range(3)])
    again = keras.random.SeedGenerator.from_config(generator.get_config())
    numbers["stream_again"] = keras.random.uniform((3, 4), seed=again)
    return numbers


def global_seed(keras):
    """Draws and generators without a seed, after set_random_seed; the same seed again gives the same draws."""
    numbers = {}
    for turn in range(2):
        keras.utils.set_random_seed(812)
        made = keras.random.SeedGenerator()
        for name, draw in DRAWS.items():
            numbers[f"global_{turn}_{name}"] = draw(keras, None)
        numbers[f"global_{turn}_generator"] = made.state.numpy()
        numbers[f"global_{turn}_numpy"] = np.random.random(3)
    numbers["global_goes_on"] = keras.random.uniform((3, 4))
    return numbers
