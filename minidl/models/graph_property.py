"""Properties that models have by their graph, under names that other models may use for attributes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    of_graph = property
else:

    class of_graph(property):  # noqa: N801, a decorator
        """A property of models with a graph; a subclass without one may assign to it, as to any other name.

        Raises:
            AttributeError: on assignment, if the model has a graph.
        """

        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, model: Any, owner: type | None = None) -> Any:
            own = {} if model is None else vars(model)
            return own[self.name] if self.name in own else super().__get__(model, owner)

        def __set__(self, model: Any, value: Any) -> None:
            if vars(model).get("_graph") is not None:
                raise AttributeError(f"{self.name} of {model.name!r} follows from its graph and cannot be assigned.")
            vars(model)[self.name] = value
