"""These tests are of the fast forms, also where MINIDL_KERNELS chooses the formulas for the others."""

import pytest

from minidl import kernels


@pytest.fixture(autouse=True)
def fast_forms():
    chosen = kernels.mode()
    kernels.set_kernels("auto")
    yield
    kernels.set_kernels(chosen)
