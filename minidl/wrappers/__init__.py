"""Models as estimators of scikit-learn, which is imported when one of them is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minidl.core.optional import needed

if TYPE_CHECKING:
    from minidl.wrappers.estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'minidl.wrappers' has no attribute {name!r}")
    needed("sklearn", f"minidl.wrappers.{name}", "minidl[sklearn]")
    from minidl.wrappers import estimators

    return getattr(estimators, name)


def __dir__() -> list[str]:
    return __all__
