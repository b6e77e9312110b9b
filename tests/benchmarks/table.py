"""Turn pytest-benchmark's file into ratios: `python table.py RAW.json [RESULT.json]`.

A ratio is formed turn by turn, within a second or two on the same machine; its median is kept.
"""

import json
import os
import platform
import sys
from collections import defaultdict
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_info

from snode.experiments.provenance import code_version, provenance

WORK = "NCG iteration, tanh and l2"
RELU, SMOOTH = "NCG iteration, ReLU and cross-entropy", "NCG iteration, Sobolev gradient"
GOALS = [  # time of the first ÷ time of the second, and the largest value wished for
    (WORK, "snode", "products", 1.4),
    (RELU, "snode", "products", 1.4),
    (SMOOTH, "snode", "products", 1.7),
    (SMOOTH, "snode", "products with S", None),
    (WORK, "snode", "JAX", 1 / 1.35),
    (RELU, "snode", "JAX", 1 / 1.35),
    (SMOOTH, "snode", "JAX", 1 / 1.35),
    (WORK, "snode", "PyTorch", None),
    (RELU, "snode", "PyTorch", None),
    (SMOOTH, "snode", "PyTorch", None),
    ("RMSprop step", "snode", "products", None),
    ("RMSprop step", "snode", "JAX", 1.0),
    ("RMSprop step", "snode", "PyTorch", None),
    ("inference of 10,000 images", "snode", "products", 1.25),
    ("inference of 10,000 images", "snode", "JAX", None),
    ("inference of 10,000 images", "snode", "PyTorch", None),
    ("Jacobian rows of 1,000 images", "snode", "products", None),
    ("Jacobian rows of 1,000 images", "snode", "JAX", 1.0),
    ("Jacobian rows of 10 images", "snode", "full solve", 1 / 7),
    ("all of P of 10 images", "snode", "full solve", None),
    ("Algorithm 2, one iteration on 1,000 images", "snode", "products", None),
    ("PGD, one iteration on 1,000 images", "snode", "products", None),
    ("PGD, one iteration on 1,000 images", "snode", "ART", None),
    ("RK45, forward", "snode", "products", None),
    ("RK45, forward", "snode", "diffrax", 1.0),
    ("RK45, NCG iteration", "snode", "products", None),
    ("loading the digits", "snode", "scikit-learn", None),
]
PACKAGES = ("numpy", "scipy", "jax", "jaxlib", "diffrax", "adversarial-robustness-toolbox", "torch")


def seconds(raw):
    """Return {work: {name: [seconds of one unit, turn by turn]}}."""
    found = defaultdict(lambda: defaultdict(list))
    for case in raw["benchmarks"]:
        info = case["extra_info"]
        if "work" in info:
            found[info["work"]][info["name"]].append(case["stats"]["median"] / info["per"])
    return found


def ratios(times):
    """Return one line for each goal whose contenders were measured."""
    lines = []
    for work, name, other, goal in GOALS:
        if times[work][other]:
            pairs = zip(times[work][name], times[work][other], strict=True)
            by_turn = [a / b for a, b in pairs]
            line = {"work": work, "against": other, "ratio": round(median(by_turn), 3)}
            spread = [round(min(by_turn), 3), round(max(by_turn), 3)]
            lines.append(line | {"range": spread, "goal": goal and round(goal, 3)})
    return lines


def growth(raw):
    """Return {axis: sizes, milliseconds, megabytes and the exponents of N, L or K}."""
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for case in raw["benchmarks"]:
        info = case["extra_info"]
        if "megabytes" in info and "axis" in info:
            found[info["axis"]]["megabytes"][info["size"]].append(info["megabytes"])
        elif "axis" in info:
            milliseconds = 1000 * case["stats"]["median"] / info["per"]
            found[info["axis"]][info["name"]][info["size"]].append(milliseconds)
    return {axis: _curves(of) for axis, of in found.items()}


def _curves(of):
    """Return the medians by size, and the slopes of straight lines through their logarithms."""
    sizes = sorted(of["snode"])
    curves = {name: [round(median(by[n]), 3) for n in sizes] for name, by in of.items()}
    slopes = {
        name: round(float(np.polyfit(np.log(sizes), np.log(values), 1)[0]), 2)
        for name, values in curves.items()
    }
    return {"sizes": sizes, **curves, "exponents": slopes}


def processor(raw):
    """Return the processor's name and the BLAS kernel chosen for it."""
    kernels = {pool.get("architecture") for pool in threadpool_info()} - {None}
    name = raw["machine_info"]["cpu"].get("brand_raw", platform.processor())
    return {"processor": name, "BLAS kernel": ", ".join(sorted(kernels))}


def versions():
    """Return the versions of the packages that took part."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def result(raw):
    """Return what the book shows."""
    times = seconds(raw)
    medians = {
        work: {name: round(1000 * median(turns), 3) for name, turns in of.items()}
        for work, of in times.items()
    }
    others = [case["extra_info"] for case in raw["benchmarks"]]
    return {
        "date": raw["datetime"][:10],
        "provenance": provenance(code_version()),
        "machine": processor(raw) | {"load at the end": round(os.getloadavg()[0], 1)},
        "versions": {"python": platform.python_version()} | versions(),
        "timer": "CPU time of one core, one thread",
        "ratios": ratios(times),
        "milliseconds": medians,
        "growth": growth(raw),
        "peak megabytes": {i["memory"]: i["megabytes"] for i in others if "memory" in i},
    }


def main(raw, out=None):
    """Print the ratios and write the result."""
    found = result(json.loads(Path(raw).read_text()))
    for line in found["ratios"]:
        low, high = line["range"]
        goal = "" if line["goal"] is None else f"goal <= {line['goal']:.2f}"
        missed = " MISSED" if goal and line["ratio"] > line["goal"] else ""
        name = f"{line['work']} ÷ {line['against']}"
        print(f"{name:65s} {line['ratio']:6.2f}  ({low:.2f} to {high:.2f})  {goal}{missed}")
    for part in ("growth", "peak megabytes"):
        for name, values in found[part].items():
            print(f"{part}, {name}: {values}")
    if out:
        Path(out).parent.mkdir(exist_ok=True)
        Path(out).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
