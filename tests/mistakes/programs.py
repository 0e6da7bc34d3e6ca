"""Mistakes of first users: short programs, and what the message of each must say."""

# name: (program, texts in what Python prints: what was passed, what was expected, how to fix it)
PROGRAMS = {
    "list of images": ("classifier().fit([image for image in images], labels)", ("x[0] has 28", "y has 4", "np.stack")),
    "one row": ("classifier().predict(images[0])", ("got (examples, 28)", "(examples, 28, 28)", "x[None]")),
    "one row of features": ("regressor().predict(np.ones(3))", ("got (examples,)", "(examples, 3)", "x[None]")),
    "channels first": (
        "convnet().predict(np.ones((2, 1, 8, 8)))",
        ("(examples, 1, 8, 8)", "(examples, 8, 8, 1)", "np.moveaxis"),
    ),
    "channels first in fit": (
        "convnet().fit(np.ones((2, 3, 8, 8)), np.zeros(2))",
        ("(examples, 3, 8, 8)", "(examples, 8, 8, 1)", "np.moveaxis"),
    ),
    "ragged lists": (
        "regressor().fit([[1.0, 2.0], [3.0]], [1.0, 2.0])",
        ("[[1.0, 2.0], [3.0]]", "different lengths", "pad_sequences"),
    ),
    "ragged rows": ("keras.layers.Dense(2)([[1.0, 2.0], [3.0]])", ("a list", "arrays", "np.array(x")),
    "other lengths": (
        "regressor().fit(np.ones((4, 3)), np.ones((5, 1)))",
        ("x has 4, y has 5", "different numbers of rows", "one row of each"),
    ),
    "no targets": ("regressor().fit(np.ones((4, 3)))", ("y is None", "loss 'mse'", "Give the targets")),
    "empty": ("regressor().fit(np.ones((0, 3)), np.ones((0, 1)))", ("(0, 3)", "at least one row", "Check")),
    "text": (
        "regressor().fit(np.array([['a', 'b', 'c']]), np.ones((1, 1)))",
        ("text of shape (1, 3)", "numbers", "TextVectorization"),
    ),
    "objects": ("regressor().fit(np.array([{}, {}, {}, {}]), np.ones((4, 1)))", ("dtype object", "numbers", "Encode")),
    "a tuple as x": (
        "regressor().fit((np.ones((4, 3)), np.ones((4, 1))))",
        ("a tuple of 2", "one array of shape (None, 3)", "fit(x, y)"),
    ),
    "too many features": (
        "regressor().fit(np.ones((4, 5)), np.ones((4, 1)))",
        ("(examples, 5)", "(examples, 3)", "input_shape=(5,)"),
    ),
    "targets of another width": (
        "regressor().fit(np.ones((4, 3)), np.ones((4, 2)))",
        ("(4, 2)", "(None, 1)", "2 units"),
    ),
    "classes out of range": ("classifier().fit(images, labels + 10)", ("from 10 to 13", "labels 0 to 9", "14 units")),
    "one-hot for sparse": (
        "classifier().fit(images, np.eye(10)[labels])",
        ("(4, 10)", "one integer", "categorical_crossentropy"),
    ),
    "integers for one-hot": (
        "classifier('categorical_crossentropy').fit(images, labels)",
        ("(4,)", "(None, 10)", "to_categorical"),
    ),
    "binary loss on classes": (
        "classifier('binary_crossentropy').fit(images, labels)",
        ("(4,)", "(None, 10)", "reshape y"),
    ),
    "nan": (
        "regressor().fit(np.full((4, 3), np.nan), np.ones((4, 1)))",
        ("NaN in 4 of 4 rows", "first at row 0", "Drop these rows"),
    ),
    "validation_data alone": (
        "regressor().fit(np.ones((4, 3)), np.ones((4, 1)), validation_data=np.ones((4, 3)))",
        ("got ndarray", "(x, y)"),
    ),
    "split of a generator": (
        "regressor().fit(iter([(np.ones((4, 3)), np.ones((4, 1)))]), validation_split=0.5)",
        ("list_iterator", "needs arrays", "validation_data"),
    ),
    "batch_size as a float": (
        "regressor().fit(np.ones((4, 3)), np.ones((4, 1)), batch_size=0.5)",
        ("got 0.5", "a positive integer"),
    ),
    "a path": ("regressor().fit('data.csv', np.ones((4, 1)))", ("data.csv", "an array with a first axis of examples")),
    "a missing input": (
        "two_inputs().fit(np.ones((4, 3)), np.ones((4, 1)))",
        ("got 1", "2 input(s) named ['a', 'b']", "a list with"),
    ),
    "misnamed inputs": (
        "two_inputs().fit({'a': np.ones((4, 3)), 'c': np.ones((4, 3))}, np.ones((4, 1)))",
        ("['a', 'c']", "['a', 'b']", "Pass a dict"),
    ),
    "lr": ("keras.optimizers.Adam(lr=0.1)", ("'lr'", "'learning_rate'")),
    "decay": ("keras.optimizers.SGD(decay=1e-6)", ("'decay'", "schedule")),
    "learning rate misspelt": ("keras.optimizers.Adam(learningrate=0.1)", ("'learningrate'", "'learning_rate'")),
    "misspelt argument of a layer": ("keras.layers.Dense(3, activaton='relu')", ("'activaton'", "'activation'")),
    "kernel_size of Conv2D": ("keras.layers.Conv2D(8, kernelsize=3)", ("'kernelsize'", "'kernel_size'")),
    "units of LSTM": ("keras.layers.LSTM(units=8, return_sequence=True)", ("'return_sequence'", "'return_sequences'")),
    "argument of Dropout": ("keras.layers.Dropout(rat=0.5)", ("'rat'", "'rate'")),
    "argument of a loss": ("keras.losses.BinaryCrossentropy(from_logit=True)", ("'from_logit'", "'from_logits'")),
    "argument of a metric": ("keras.metrics.MeanIoU(num_class=3)", ("'num_class'", "'num_classes'")),
    "argument of a callback": ("keras.callbacks.EarlyStopping(patient=3)", ("'patient'", "'patience'")),
    "argument of fit": (
        "regressor().fit(np.ones((4, 3)), np.ones((4, 1)), epoch=3)",
        ("fit: unknown argument 'epoch'", "'epochs'"),
    ),
    "argument of compile": (
        "regressor().compile('adam', 'mse', metric=['mae'])",
        ("compile: unknown argument 'metric'", "'metrics'"),
    ),
    "argument of predict": (
        "regressor().predict(np.ones((4, 3)), batchsize=3)",
        ("predict: unknown argument 'batchsize'", "'batch_size'"),
    ),
    "unknown activation": ("keras.layers.Dense(3, activation='rellu')", ("'rellu'", "'relu'")),
    "unknown loss": (
        "regressor().compile('adam', 'mean_squared_eror')",
        ("'mean_squared_eror'", "'mean_squared_error'"),
    ),
    "unknown optimizer": ("regressor().compile('adm', 'mse')", ("'adm'", "'adam'")),
    "unknown metric": ("regressor().compile('adam', 'mse', metrics=['acuracy'])", ("'acuracy'", "'accuracy'")),
    "unknown layer": ("keras.layers.Dens(3)", ("Dens", "Did you mean Dense?")),
    "unknown initializer": ("keras.layers.Dense(3, kernel_initializer='he_norml')", ("'he_norml'", "'he_normal'")),
    "unknown padding": ("keras.layers.Conv2D(8, 3, padding='sane')", ("'sane'", "('valid', 'same')")),
    "argument of a call": (
        "keras.layers.Dense(3)(np.ones((2, 3)), train=True)",
        ("Dense.call: unknown argument 'train'", "'training'"),
    ),
    "call without return in fit": (
        "compiled(keras.Sequential([Forgetful()])).fit(np.ones((2, 3)), np.ones((2, 3)))",
        ("Forgetful.call returned None", "`return outputs`"),
    ),
    "model without return": (
        "compiled(ForgetfulModel()).fit(np.ones((2, 3)), np.ones((2, 3)))",
        ("ForgetfulModel.call returned None", "`return outputs`"),
    ),
    "if on a tensor": (
        "Branching()(keras.Input((3,)))",
        ("shapes and no values", "keras.ops.where", "Raised in Branching 'branching", "float32 (None, 3)"),
    ),
    "if on a tensor in fit": (
        "compiled(keras.Sequential([Branching()])).fit(np.ones((2, 3)), np.ones((2, 3)))",
        ("shapes and no values", "keras.ops.where", "Raised in Branching", "in Sequential"),
    ),
    "if on a symbolic tensor": (
        "x = keras.Input((3,))\nif x > 0:\n    pass",
        ("shape=(None, 3)", "symbolic", "array operations"),
    ),
    "jnp on a symbolic tensor": ("jnp.sum(keras.Input((3,)), axis=-1)", ("shape=(None, 3)", "no values", "minidl.ops")),
    "np on a symbolic tensor": ("np.mean(keras.Input((3,)), axis=-1)", ("shape=(None, 3)", "no values", "minidl.ops")),
    "numpy() in call": (
        "compiled(keras.Sequential([Numpy()])).fit(np.ones((2, 3)), np.ones((2, 3)))",
        ("float32[None,3]", "shapes and no values", "keras.ops"),
    ),
    "a layer of Keras": ("keras.Sequential([Foreign()])", ("Foreign", "expected a layer", "minidl.layers")),
    "a layer of Keras on a symbolic tensor": (
        "Foreign()(keras.Input((3,)))",
        ("shape=(None, 3)", "no values", "use layers"),
    ),
    "mha(x)": (
        "keras.layers.MultiHeadAttention(2, 4)(np.ones((2, 5, 8)))",
        ("['query']", "['value'] are missing", "layer(x, x)"),
    ),
    "LSTM on LSTM": (
        "keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(4), keras.layers.LSTM(4)])",
        ("(None, 4)", "3 axes", "return_sequences=True", "in Sequential"),
    ),
    "Dense(units) without units": ("keras.layers.Dense()", ("Dense.__init__() missing", "'units'")),
    "a class instead of a layer": (
        "keras.Sequential([keras.layers.Dense])",
        ("Dense", "expected a layer", "Write Dense(...)"),
    ),
    "Conv2D on flat": (
        "keras.Sequential([keras.Input((64,)), keras.layers.Conv2D(8, 3)])",
        ("(None, 64)", "4 axes", "Reshape", "Raised in Conv2D"),
    ),
    "kernel larger than image": (
        "keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Conv2D(8, 3)])",
        ("(3, 3)", "(2, 2)", "padding='same'", "Raised in Conv2D"),
    ),
    "concatenate of other shapes": (
        "keras.layers.Concatenate()([np.ones((2, 3)), np.ones((3, 3))])",
        ("[(2, 3), (3, 3)]", "only along axis -1"),
    ),
    "add of other shapes": (
        "keras.layers.Add()([keras.Input((3,)), keras.Input((4,))])",
        ("[(None, 3), (None, 4)]", "broadcast"),
    ),
    "one input for Add": ("keras.layers.Add()(np.ones((2, 3)))", ("one of shape (2, 3)", "a list of inputs")),
    "reshape": (
        "keras.Sequential([keras.Input((6,)), keras.layers.Reshape((4, 2))])",
        ("(6,)", "(4, 2)", "Raised in Reshape", "float32 (None, 6)"),
    ),
    "input as an int": ("keras.Input(3)", ("got 3", "a tuple of sizes", "Input((3,))")),
    "arrays for Model": (
        "keras.Model(np.ones((2, 3)), np.ones((2, 3)))",
        ("float64 (2, 3)", "KerasTensors", "Input(shape)"),
    ),
    "disconnected": (
        "keras.Model(keras.Input((3,)), keras.layers.Dense(1)(keras.Input((3,))))",
        ("shape=(None, 3)", "disconnected", "Add it to the inputs"),
    ),
    "no super().__init__": ("Uninitialized()(np.ones((2, 3)))", ("super().__init__()",)),
    "weights of another layer": ("classifier().set_weights([np.ones(3)])", ("1 arrays", "2 weights")),
    "get_layer": ("classifier().get_layer('dens')", ("'dens'", "['flatten")),
    "matrix product in call": (
        "compiled(keras.Sequential([Matrix()])).fit(np.ones((4, 3)), np.ones((4, 1)))",
        ("got (3,) and (4,)", "Raised in Matrix", "float32 (None, 3)", "in Sequential"),
    ),
    "matrix product in a functional model": (
        "Matrix()(keras.Input((3,)))",
        ("got (3,) and (4,)", "Raised in Matrix", "float32 (None, 3)"),
    ),
    "division by zero in call": (
        "Failing()(np.ones((2, 3)))",
        ("division by zero", "Raised in Failing", "float32 (2, 3)"),
    ),
    "not compiled": (
        "keras.Sequential([keras.layers.Dense(1)]).fit(np.ones((2, 3)), np.ones((2, 1)))",
        ("not compiled", "model.compile("),
    ),
    "no loss": (
        "m = regressor(); m.compile('adam'); m.fit(np.ones((2, 3)), np.ones((2, 1)))",
        ("nothing to train", "give compile() a loss"),
    ),
    "own train_step(self, data)": (
        "compiled(OldStep()).fit(np.ones((2, 3)), np.ones((2, 1)))",
        ("OldStep.train_step(self, data)", "(logs, new state)", "def train_step(self, state, data)"),
    ),
    "GradientTape step": (
        "compiled(TapeStep()).fit(np.ones((2, 3)), np.ones((2, 1)))",
        ("a dict", "(logs, new state)"),
    ),
    "metrics as third": (
        "regressor().compile('adam', 'mse', ['accuracy'])",
        ("'accuracy'", "a number for each output", "metrics=['mae']"),
    ),
    "metrics as text": ("regressor().compile('adam', 'mse', metrics='mae').x", ("'mae'", "a list", "['mae']")),
    "a callback class": (
        "regressor().fit(np.ones((4, 3)), np.ones((4, 1)), callbacks=[keras.callbacks.EarlyStopping])",
        ("the class EarlyStopping", "EarlyStopping()"),
    ),
    "a function as callback": (
        "regressor().fit(np.ones((4, 3)), np.ones((4, 1)), callbacks=[lambda epoch, logs: None])",
        ("lambda", "LambdaCallback"),
    ),
    "own loss with one argument": (
        "m = regressor(); m.compile('adam', lambda y: y); m.fit(np.ones((4, 3)), np.ones((4, 1)))",
        ("<lambda>(y)", "(y_true, y_pred)"),
    ),
    "own loss in numpy": (
        "m = regressor(); m.compile('adam', lambda y, p: np.mean(np.array(y) - np.array(p)))\n"
        "m.fit(np.ones((4, 3)), np.ones((4, 1)))",
        ("float32[4,1]", "keras.ops"),
    ),
    "learning rate as text": ("keras.optimizers.Adam(learning_rate='0.1')", ("'0.1'", "a number or a schedule")),
    "save without suffix": ("regressor().save('model')", ("'model'", ".keras or .h5")),
    "load what is not there": ("keras.models.load_model('/tmp/nothing-here.keras')", ("nothing-here.keras", "no file")),
    "load without the class": ("load_unknown()", ("Failing2", "custom_objects")),
    "class_weight names": (
        "classifier().fit(images, labels, class_weight={'cat': 1.0, 'dog': 2.0})",
        ("['cat', 'dog']", "integers 0 to 9", "{class: weight}"),
    ),
    "to_categorical": (
        "keras.utils.to_categorical([1, 2, 10], num_classes=10)",
        ("label 10", "0 to num_classes - 1 = 9", "larger num_classes"),
    ),
    "ops shapes": ("keras.ops.matmul(np.ones((2, 3)), np.ones((2, 3)))", ("got (3,) and (2,)",)),
    "call without return": (
        "keras.Sequential([keras.Input((3,)), Forgetful()])",
        ("Forgetful.call returned None", "`return outputs`", "Raised in Forgetful", "Sequential"),
    ),
    "Embedding out of range": (
        "compiled(keras.Sequential([keras.layers.Embedding(10, 4)])).predict(np.array([[3, 20]]))",
        ("20", "10"),
    ),
    "an input of another rank": (
        "keras.layers.LSTM(4)(np.ones((5, 3)))",
        ("(5, 3)", "3 axes, got 2", "(batch, steps, features)"),
    ),
    "ops argument": ("keras.ops.sum(np.ones((2, 3)), axes=0)", ("sum: unknown argument 'axes'", "'axis'")),
    "error in a callback": (
        "regressor().fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0, callbacks=[Broken()])",
        ("KeyError: 'val_loss'",),
    ),
    "error in a generator": ("regressor().fit(broken_batches(), verbose=0)", ("FileNotFoundError",)),
    "error in a nested layer": (
        "compiled(keras.Sequential([Outer()], name='net')).fit(np.ones((4, 3)), np.ones((4, 1)))",
        ("got (3,) and (4,)", "Raised in Matrix 'matrix'", "float32 (None, 3), in Outer 'outer', in Sequential 'net'."),
    ),
    "error in a subclassed model": (
        "compiled(Net(name='net')).fit(np.ones((4, 3)), np.ones((4, 1)))",
        ("got (3,) and (4,)", "Raised in Matrix 'matrix'", "float32 (None, 3), in Net 'net'."),
    ),
    "reshape of unknown rows": ("Halves()(keras.Input((6,)))", ("6*None", "None-1")),
    "weights of another model": ("classifier().set_weights(regressor().get_weights())", ("shape",)),
}
