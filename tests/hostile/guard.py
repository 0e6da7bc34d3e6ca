"""Open files under watch: `python -m tests.hostile.guard FOLDER`; prints a JSON object, name -> what happened.

What happened is the name of the error's class and its message, or "opened"; the processor time, where 1 is that of a
good file; and the memory in MB. "touched: ..." is an attempt to do what reading a file does not need.
"""

import functools
import json
import pathlib
import resource
import signal
import statistics
import sys
import time
import warnings

import minidl
from minidl.saving import LoadError

MEMORY = 1 << 30  # bytes beyond what the process has before it opens the first file
SECONDS = 120  # until a file is given up

FORBIDDEN = ("import", "exec", "compile", "marshal.", "pickle.", "socket.", "subprocess.", "os.system", "os.exec")
FORBIDDEN += ("os.remove", "os.rename", "os.mkdir", "os.posix_spawn", "os.fork", "ctypes.", "urllib.", "shutil.")

allowed = None  # the file that may be opened, while the guard is on
unit = 1.0  # processor seconds to open a good file
sources = set()  # of what is imported already: JAX looks at them to shorten the tracebacks of errors
touched = []


def hook(event, args):
    if allowed is None:
        return
    if event == "open" and args[0] != allowed and args[0] not in sources or event.startswith(FORBIDDEN):
        touched.append(f"{event} {str(args)[:120]}")
        raise PermissionError(f"{event} while a file is opened")


def too_long(*_):
    raise TimeoutError


def model():
    """The model that files of weights are for."""
    return minidl.Sequential([minidl.layers.Input((3,)), minidl.layers.Dense(2, name="one")])


def open_one(path):
    """The call that opens a file, by the way in that its name ends in."""
    if path.endswith(".json"):
        return functools.partial(minidl.models.model_from_json, pathlib.Path(path).read_text())
    if path.endswith(".weights.h5"):
        return functools.partial(model().load_weights, path)
    return functools.partial(minidl.models.load_model, path)


def peak(reset=False):
    """The peak memory of the process in MB; from now on, if `reset`."""
    if reset:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def seconds(run):
    """The processor time of a call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def watched(path):
    """Open a file with the guard on."""
    global allowed
    run = open_one(path)
    before = peak(reset=True)
    start = time.process_time()
    signal.alarm(SECONDS)
    allowed = path
    try:
        run()
        result = "opened"
    except LoadError as error:
        result = f"LoadError: {error}"
    except BaseException as error:
        result = f"{type(error).__name__}: {error}"
    finally:
        allowed = None
        signal.alarm(0)
    if touched:
        result = f"touched: {touched.pop()}"
        touched.clear()
    return [result, round((time.process_time() - start) / unit, 2), round(peak() - before)]


def prepare(folder):
    """Open the good files, so that what is imported late is there and their time is known; then limit the memory."""
    global unit
    warnings.simplefilter("ignore")
    good = [str(path) for path in sorted(pathlib.Path(folder, "good").iterdir())]
    for path in good:
        open_one(path)()
    unit = statistics.median(seconds(open_one(path)) for path in good for _ in range(5))
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    signal.signal(signal.SIGALRM, too_long)
    sources.update(getattr(module, "__file__", None) for module in list(sys.modules.values()))
    sources.add(__file__)
    sys.addaudithook(hook)


def main(folder):
    """Open every file in a folder."""
    prepare(folder)
    files = sorted(path for path in pathlib.Path(folder).iterdir() if path.is_file())
    print(json.dumps({path.name: watched(str(path)) for path in files}))


if __name__ == "__main__":
    main(sys.argv[1])
