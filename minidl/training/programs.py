"""Programs: functions that are compiled once per shape of their arguments."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable
from concurrent import futures
from typing import Any

import jax

from minidl import kernels
from minidl.core import collector
from minidl.training import executables

LIMIT = 128  # executables that are cached; each takes about 2 MB and a dozen of the 65,530 memory maps of a process


class Program:
    """A function compiled with the options that its kernels need. Its executables are cached up to a limit.

    Args:
        function: the function to compile.
        mode: "train", "test" or "predict" if it is a loop over small steps.
        is_rare: whether it runs so rarely that a short compilation counts for more than speed.
        identity: what is known of the function before it is traced, if executables are to be kept on disk. Then the
            argument of `learn` determines the shapes of the last argument but one, and so those of all.
        **options: of `jax.jit`.

    >>> program = Program(lambda x: 2 * x)
    >>> x = jax.numpy.ones(())
    >>> program.is_new(x), program.will_compile, float(program(x))
    (True, True, 2.0)
    >>> program.learn(x)
    >>> program.is_new(x), program.will_compile
    (False, False)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        mode: str | None = None,
        is_rare: bool = False,
        identity: Hashable = None,
        **options: Any,
    ):
        self._jit = functools.partial(jax.jit, function, **options)
        self._compiler_options = functools.partial(kernels.compiler_options, mode, is_rare=is_rare)
        self._function: Any = None
        self._keeps_barriers = False
        self._identity = identity
        self._known: set[Any] = set()
        self._loaded: dict[Any, Callable[..., Any]] = {}  # executables of earlier processes
        self._ahead: dict[Any, futures.Future[Any]] = {}
        self._compiling = threading.RLock()
        self.will_compile = True  # whether the next call does, as the last question said

    def __call__(self, *args: Any) -> Any:
        if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            return self._jit.args[0](*args)  # eager: nothing is traced, so that prints show values
        if self._loaded and (loaded := self._loaded.get((signature(args[-2]), executables.context()))) is not None:
            return loaded(*args)
        if self.will_compile or self._function is None:
            with self._compiling, collector.paused():  # several models, and threads, may share the program
                self._set_options(*args)
                if executables.are_kept(self._identity):
                    executables.compile_and_keep(self._function.lower(*args), self._identity, args)
                outputs = self._function(*args)
        else:
            outputs = self._function(*args)
        self.will_compile = False
        if self._function._cache_size() > LIMIT:
            self._function.clear_cache()
            self._known.clear()
        return outputs

    def load(self, argument: Any, *args: Any) -> bool:
        """Load the executable for arguments to come; whether an earlier process has kept it.

        Args:
            argument: what is passed to `learn`, which this does.
            *args: of the call; arrays may be their shapes and dtypes.
        """
        if signature(argument) in self._ahead or (loaded := executables.load(self._identity, args)) is None:
            return False
        if len(self._loaded) >= LIMIT:
            self._loaded.clear()
        self._loaded[signature(args[-2]), executables.context()] = loaded
        self.learn(argument)
        self.will_compile = False
        return True

    def _set_options(self, *args: Any) -> None:
        """Set the compiler options that the kernels need for these arguments."""
        keeps = self._keeps_barriers or kernels.needs_barriers(self._jit().trace(*args).jaxpr)  # the trace is cached
        if self._function is None or keeps != self._keeps_barriers:
            self._function = self._jit(compiler_options=self._compiler_options(keeps_barriers=keeps))
            self._keeps_barriers = keeps

    def is_new(self, argument: Any) -> bool:
        """Whether no argument of this structure, shapes and dtypes has been passed to `learn`."""
        key = signature(argument)
        self.will_compile |= (is_new := key not in self._known)
        return is_new

    def learn(self, argument: Any) -> None:
        """Record the structure, shapes and dtypes of an argument; wait if the program is being compiled for it."""
        key = signature(argument)
        if (ahead := self._ahead.get(key)) is not None:
            futures.wait([ahead])  # if it has failed, so does the call that comes next
            self._ahead.pop(key, None)  # another thread may have come here
        self._known.add(key)

    def compile_ahead(self, argument: Any, *args: Any) -> None:
        """Compile for arguments to come in another thread, while this one compiles or computes.

        Args:
            argument: what will be passed to `learn`.
            *args: of the call; arrays may be their shapes and dtypes.
        """
        with self._compiling, collector.paused():
            self._set_options(*args)
            lowered = self._function.lower(*args)
        compiler = futures.ThreadPoolExecutor(1)
        self._ahead[signature(argument)] = compiler.submit(executables.compile_and_keep, lowered, self._identity, args)
        compiler.shutdown(wait=False)


def signature(argument: Any) -> Hashable:
    """The structure of an argument, and the shapes and dtypes of its arrays."""
    leaves, structure = jax.tree.flatten(argument)
    return structure, *[(leaf.shape, leaf.dtype) for leaf in leaves]
