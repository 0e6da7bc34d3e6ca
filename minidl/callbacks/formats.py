"""Numbers and times as the progress bar shows them."""

from __future__ import annotations

from typing import Any

import numpy as np


def format_number(value: Any) -> str:
    """A metric for the bar: four decimals, or scientific notation up to 0.001; the mean of an array.

    >>> format_number(0.98765), format_number(0.000123)
    ('0.9877', '1.2300e-04')
    """
    if isinstance(value, str):
        return value
    number = float(np.mean(value))
    return f"{number:.4f}" if abs(number) > 1e-3 else f"{number:.4e}"


def format_seconds(seconds: float) -> str:
    """A duration: hours, minutes and seconds, or in the unit that shows it.

    >>> format_seconds(3.14), format_seconds(75), format_seconds(3725)
    ('3.1s', '1:15', '1:02:05')
    >>> format_seconds(0.0456), format_seconds(0.000123)
    ('46ms', '123us')
    """
    if seconds < 60:
        return "".join(scaled(seconds))
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def scaled(seconds: float) -> tuple[str, str]:
    """A duration below a minute as a number and its unit.

    >>> scaled(0.83), scaled(0.0456)
    (('0.8', 's'), ('46', 'ms'))
    """
    if seconds < 0.000_999_5:
        return f"{seconds * 1e6:.0f}", "us"
    return (f"{seconds * 1e3:.0f}", "ms") if seconds < 0.0995 else (f"{seconds:.1f}", "s")


def format_step(seconds: float) -> str:
    """The time per step, in a suitable unit.

    >>> format_step(45e-6), format_step(0.0123), format_step(2.5)
    ('45us/step', '12.3ms/step', '2.50s/step')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us/step"
    return f"{seconds * 1e3:.1f}ms/step" if seconds < 1 else f"{seconds:.2f}s/step"


def format_rate(seconds: float) -> str:
    """Steps per second, from the time per step.

    >>> format_rate(45e-6), format_rate(2.5)
    ('22222 steps/s', '0.4 steps/s')
    """
    return f"{1 / seconds:.0f} steps/s" if seconds < 0.1 else f"{1 / seconds:.1f} steps/s"


def format_compilation(seconds: float) -> str:
    """The time of compilation.

    >>> format_compilation(0.83), format_compilation(0.0456), format_compilation(75.0)
    ('compiled in 0.8 s', 'compiled in 46 ms', 'compiled in 1:15')
    """
    return f"compiled in {' '.join(scaled(seconds)) if seconds < 60 else format_seconds(seconds)}"
