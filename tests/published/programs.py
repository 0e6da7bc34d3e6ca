"""The programs of a folder: their code, and what puts one out of scope."""

import ast
import json
import pathlib
import re

PACKAGES = "keras_hub keras_nlp keras_cv keras_tuner keras_rs kerastuner tensorflow_hub tensorflow_text"
PACKAGES += " tensorflow_addons tensorflow_probability tensorflow_decision_forests tensorflow_model_optimization"
PACKAGES += " transformers datasets torchvision wandb gym"
OUTSIDE = {  # in the code: why a program with it cannot run under Keras on JAX, or not without another package
    r"\bGradientTape\b": "trains with TensorFlow's GradientTape",
    rf"(?m)^\s*(import|from) ({'|'.join(PACKAGES.split())})\b": "needs another package",
    r"\bloss\.backward\(": "trains with PyTorch's autograd",
    r"\.quantize\(|\bquantizers\b": "quantizes",
    r"\btf\.(distribute|estimator|contrib|Session|placeholder)\b": "uses TensorFlow's graphs or tf.distribute",
    r"\bK\.(gradients|function|get_session)\b": "uses TensorFlow's graphs",
}


def find(folder):
    """Name -> path, in the order of names."""
    folder = pathlib.Path(folder)
    paths = [path for path in folder.rglob("*") if path.suffix in (".py", ".ipynb")]
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(paths)}


def code(path):
    """The program's text; a notebook's code cells, one after the other, with their shell commands as `_shell(...)`."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if pathlib.Path(path).suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        text = "\n".join("".join(cell["source"]) for cell in cells if not "".join(cell["source"]).startswith("%%"))
    text = re.sub(r"(?m)^(\s*)!(.*)$", lambda found: f"{found[1]}_shell({found[2]!r})", text)
    return re.sub(r"(?m)^(\s*)%[a-z].*$", r"\1pass", text)


class ShellBlocks(ast.NodeTransformer):
    """A string whose first line is `shell` is a block of commands in the sources of keras.io."""

    def visit_Expr(self, node):
        value = node.value.value if isinstance(node.value, ast.Constant) else None
        for block in re.findall(r"```(?:shell|bash)\n(.*?)```", value, re.S) if isinstance(value, str) else ():
            return ast.Expr(ast.Call(ast.Name("_shell", ast.Load()), [ast.Constant(block)], []))
        if isinstance(value, str) and value.startswith("shell\n"):
            return ast.Expr(ast.Call(ast.Name("_shell", ast.Load()), [ast.Constant(value[6:])], []))
        return node


def out_of_scope(text):
    """Why a program is out of scope; None if it is not."""
    return next((reason for pattern, reason in OUTSIDE.items() if re.search(pattern, text)), None)
