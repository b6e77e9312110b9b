"""How time and memory of an NCG iteration grow with N (to 28 x 28 pixels), L and K."""

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest
from sizes import K, L, N, ncg_products, problem

from snode.cost import Cost
from snode.euler import Euler
from snode.machine import keep_freed_memory
from snode.network import tanh
from snode.optimise import NCG

GRID = {"N": (49, 98, 196, 392, 784), "L": (25, 50, 100, 150, 300), "K": (25, 50, 100, 200, 400)}
SIZES = [(axis, size) for axis, sizes in GRID.items() for size in sizes]
RUNS = {"paper, N = 196": (196, 60_000), "28 x 28, N = 784": (784, 60_000)}
ITERATIONS, TURNS = 2, 3
keep_freed_memory()  # as a training run does


@lru_cache(maxsize=2)  # the two of one size
def prepared(axis, size, name):
    """Return the call, warmed up."""
    sizes = {"N": N, "L": L, "K": K} | {axis: size}
    if name == "products":
        products = ncg_products(**sizes)

        def call():
            for _ in range(ITERATIONS):
                products()

    else:
        p, method = problem(**sizes), NCG(Euler(tanh), Cost(mu1=1.0), ITERATIONS)

        def call():
            method.update(p.weights, p.x0, p.y)

    call()
    return call


@pytest.mark.parametrize("name", ["snode", "products"])
@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("axis, size", SIZES)
def test_time(benchmark, axis, size, turn, name):
    benchmark.group = f"growth with {axis}"
    benchmark.extra_info.update(axis=axis, size=size, name=name, per=ITERATIONS)
    benchmark.pedantic(prepared(axis, size, name), rounds=2)


def memory(N, images, L=L, K=K, iterations=2):
    """Return what a training took: MB before and MB at its peak."""
    prepared.cache_clear()
    script = Path(__file__).with_name("memory.py")
    sizes = map(str, (N, L, K, images, iterations))
    run = subprocess.run([sys.executable, script, *sizes], capture_output=True, check=True)
    return [round(float(megabytes)) for megabytes in run.stdout.split()]


@pytest.mark.parametrize("axis, size", SIZES)
def test_memory(benchmark, axis, size):
    sizes = {"N": N, "L": L, "K": K, "images": 2000} | {axis: size}
    before, peak = benchmark.pedantic(memory, kwargs=sizes)
    benchmark.extra_info.update(axis=axis, size=size, megabytes=peak - before)


@pytest.mark.parametrize("name", RUNS)
def test_memory_of_a_run(benchmark, name):
    N, images = RUNS[name]
    _, peak = benchmark.pedantic(memory, args=(N, images))
    benchmark.extra_info.update(memory=name, megabytes=peak)
