"""The fuzzer: cases are the same for a seed, faults are seen, most cases run; then thousands of them."""

import numpy as np
import pytest

pytest.importorskip("keras")

from tests.fuzz import compare, worker  # noqa: E402, Keras has to be there

pytestmark = pytest.mark.slow
SEED, CASES, BLOCK = 0, 5280, 240


def test_a_case_is_the_same_each_time_it_is_drawn():
    assert [worker.draw(3, number) for number in range(50)] == [worker.draw(3, number) for number in range(50)]


@pytest.mark.parametrize("ours", [[1.0, 2.001], [1.0], [1, 2]])
def test_different_values_shapes_and_dtypes_are_found(ours):
    theirs = np.array([1.0, 2.0], "float32")
    ours = np.array(ours, "int32" if isinstance(ours[0], int) else "float32")
    assert list(compare.differences(theirs, ours))


def test_equal_nan_and_rounding_are_not_differences():
    theirs = np.array([np.nan, 1.0], "float32")
    assert not list(compare.differences([theirs], [theirs * np.float32(1 + 1e-6)]))


def test_most_cases_give_a_value_in_both_libraries():
    for family, module in worker.FAMILIES.items():
        first = worker.LATER_FROM if family in worker.LATER else 0
        numbers = [n for n in range(first, first + 600) if worker.draw(SEED, n)["family"] == family][:12]
        kinds = [worker.outcome(worker.keras, worker.draw(SEED, number))[0] for number in numbers]
        assert kinds.count("value") > len(kinds) / 2, (family, module)


@pytest.mark.parametrize("first", range(0, CASES, BLOCK))
def test_keras_and_minidl_agree_on_random_programs(first):
    cases = range(first, first + BLOCK)
    found = [f"--seed {SEED} --case {case}: {text}" for case, text in worker.run(SEED, cases) if text]
    assert not found, "\n".join([f"{len(found)} of {len(cases)} cases differ (python -m tests.fuzz ...):", *found])
