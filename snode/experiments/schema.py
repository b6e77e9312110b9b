"""What a result file must hold; hand-written checks, so that nothing wrong is stored or believed.

Source: this package; no mathematics.  Letters: M times, L layers, K test images.
"""

import math

SCHEMA = 1
NUMBER = (float, type(None))  # None: not finite, or nothing to measure
SHAPE = {  # what a result holds: a type, or a dictionary of what is inside
    "schema": int,
    "id": str,
    "run": dict,
    "profile": dict,
    "provenance": {"commit": (str, type(None)), "dirty": bool, "versions": dict, "device": dict},
    "epochs": list,
    "measurements": {
        "accuracy": {"euler": list, "rk45": list},
        "smoothness": {"W": NUMBER, "norm": NUMBER},
        "state": {"start": NUMBER, "end": NUMBER},
        "noise": {"sigma": list, "measured": list, "accuracy": list},
        "propagation": {"error": list, "rank correlation": list},
        "attacks": dict,
        "targets": dict,
        "toolbox": dict,
    },
    "seconds": {"train": float, "measure": dict},
}
ARRAYS = (
    "iterations_E",
    "smoothness_W",
    "state_mean",
    "propagation_predicted",
    "propagation_measured",
)


def check(content, arrays):
    """Refuse what is not a result.  Source: `SHAPE`.

    Parameters
    ----------
    content, arrays : dict
        As in `Result`.

    Raises
    ------
    ValueError
        Naming the place and what was expected there.
    """
    _check_shape(content, SHAPE, "result")
    _check_finite(content, "result")
    if content["schema"] != SCHEMA:
        raise ValueError(f"result.schema: expected {SCHEMA}, got {content['schema']}")
    if len(content["epochs"]) != content["run"].get("epochs"):
        n = len(content["epochs"])
        raise ValueError(f"result.epochs: expected {content['run'].get('epochs')} lines, got {n}")
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise ValueError(f"arrays: expected {', '.join(ARRAYS)}; missing: {', '.join(missing)}")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise ValueError(f"arrays.{name}: expected numbers, got {array.dtype}")


def _check_shape(value, wanted, place):
    """Compare a value with a type or a dictionary of such, whose keys it must have."""
    kind = dict if isinstance(wanted, dict) else wanted
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{place}: expected {kind}, got {type(value).__name__}")
    for key in wanted if isinstance(wanted, dict) else ():
        if key not in value:
            raise ValueError(f"{place}.{key}: missing")
        _check_shape(value[key], wanted[key], f"{place}.{key}")


def _check_finite(value, place):
    """Refuse NaN and infinity anywhere."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place}: expected a finite number, got {value}")
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _check_finite(item, f"{place}.{key}")
