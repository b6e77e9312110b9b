"""Medians of CPU time; the contenders of a work take turns, so that all see the same machine."""

from functools import lru_cache

import numpy as np
import pytest
from works import WORKS

TURNS = 5
CASES = [
    (work, turn, name)
    for work, (contenders, *_) in WORKS.items()
    for turn in range(TURNS)
    for name in contenders
]


@lru_cache(maxsize=4)  # those of one work
def prepared(work, name):
    """Return the call, warmed up, after a comparison of its result with the package's."""
    call = WORKS[work].contenders[name]()
    found = call()
    call()
    if found is not None and name != "snode":
        expected = np.asarray(prepared(work, "snode")())
        error = np.linalg.norm(np.asarray(found) - expected) / np.linalg.norm(expected)
        assert error < WORKS[work].error, f"{name} computes something else: {error}"
    return call


@pytest.mark.parametrize("work, turn, name", CASES)
def test_work(benchmark, work, turn, name):
    benchmark.group = f"{work} ({turn})"
    benchmark.extra_info.update(work=work, turn=turn, name=name, per=WORKS[work].per)
    benchmark.pedantic(prepared(work, name), rounds=WORKS[work].rounds)
