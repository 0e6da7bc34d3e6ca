"""These tests are of the fast forms, also where MINIDL_KERNELS chooses the formulas for the others."""

import pytest


@pytest.fixture(autouse=True)
def all_with_fast_forms(fast_forms):
    """Every test of this folder."""
