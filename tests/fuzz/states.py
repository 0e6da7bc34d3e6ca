"""Cases of stateful recurrent layers: called twice, reset, called again. Keras's fit on JAX keeps no states."""

from tests.fuzz.values import build, call


def draw(d):
    kind = d.choice(["SimpleRNN", "GRU", "LSTM"])
    options = d.options(
        return_sequences=[True], return_state=[True], go_backwards=[True], unroll=[True], use_bias=[False]
    )
    layer = call(f"layers.{kind}", d.choice([1, 3]), stateful=True, **options)
    if d.chance(0.15):
        layer["kwargs"].pop("return_state", None)
        layer = call("layers.Bidirectional", layer, **d.options(merge_mode=["sum", None]))
    elif d.chance(0.2):
        cells = [call(f"layers.{kind}Cell", d.choice([1, 2])) for _ in range(2)]
        layer = call("layers.RNN", cells, stateful=True, **d.options(return_sequences=[True]))
    inputs = [d.array([2, 4, 2], "float32", "normal", 0) for _ in range(2)]
    return {"layer": layer, "inputs": inputs, "seed": d.randint(0, 99), "tolerance": 20.0}


def run(library, case):
    layer, inputs = build(library, case["layer"]), build(library, case["inputs"])
    outputs = [layer(x) for x in inputs]
    layer.reset_state()
    outputs.append(layer(inputs[1]))
    return {"outputs": outputs, "weights": layer.get_weights(), "paths": [w.path for w in layer.weights]}
