"""Arrays: the device follows the arrays, bad input is named, CUDA texts equal their formulas."""

import inspect
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from identities import error

from snode import arrays, euler, first_order, network, rk45
from snode.arrays import (
    array_module,
    axpby,
    backend,
    check_array,
    dot,
    to_device,
    to_numpy,
)

# every fused formula with its arguments: a number, an array (two axes or more), an output
FUSED = {
    "axpby": (axpby, "number array number output"),
    "tanh": (euler._forward_step(network.tanh), "array array array number output output"),
    "relu": (euler._forward_step(network.relu), "array array array number output output"),
    "identity": (euler._forward_step(network.identity), "array array array number output output"),
    "input": (euler._input_step, "array array array number output"),
    "sensitivity": (euler._sensitivity_step, "array array array array array number output"),
    "adjoint": (euler._adjoint_step, "array array number output"),
    "between": (rk45._between, "array array number output"),
    "rmsprop": (first_order._rmsprop, "number number number number number array output output"),
    "adam": (first_order._adam, "number number number number number array output output output"),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUSED)
def test_a_fused_formula_equals_the_plain_one(xp, name, dtype):
    formula, arguments = FUSED[name]
    rng = np.random.default_rng(1)
    plain = []
    for kind in arguments.split():
        a = rng.uniform(0.1, 0.9, (6, 7, 5)).astype(dtype)
        plain.append(a[0, 0, 0].item() if kind == "number" else a - dtype(0.5 * (kind == "array")))
    fused = [xp.asarray(a) if isinstance(a, np.ndarray) else a for a in plain]
    formula(*fused)
    formula.__wrapped__(*plain)
    for device, host in zip(fused, plain):
        assert error(device, host) < 4 * np.finfo(dtype).eps
        if isinstance(host, np.ndarray):
            assert device.dtype == dtype and array_module(device) is xp


@pytest.mark.numpy_only
def test_every_fused_formula_is_compared():
    sources = Path(inspect.getfile(arrays)).parent.glob("*.py")
    decorated = sum(len(re.findall(r"^ *@elementwise\(", s.read_text(), re.M)) for s in sources)
    assert decorated == len({formula.__name__ for formula, _ in FUSED.values()})


@pytest.mark.parametrize("a", [0.0, 1.0, -0.3])
@pytest.mark.parametrize("b", [0.0, 1.0, 2.5])
def test_axpby_is_its_formula_in_place(xp, a, b):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 4, 3, 3))
    x_device, result = xp.asarray(x), xp.asarray(y.copy())
    axpby(a, x_device, b, result)
    np.testing.assert_allclose(to_numpy(result), a * x + b * y, rtol=0, atol=1e-15)
    assert np.array_equal(to_numpy(x_device), x)


def test_dot_is_the_sum_of_products(xp):
    x, y = np.random.default_rng(3).normal(size=(2, 4, 5, 6))
    assert abs(float(dot(xp.asarray(x), xp.asarray(y))) - (x * y).sum()) < 1e-13
    assert dot(xp.asarray(x), xp.asarray(y)).shape == ()


@pytest.mark.numpy_only
def test_dot_adds_layers_in_double_precision():
    x = np.ones((3, 1), np.float32) * np.array([[1e4], [1.0], [1e-4]], np.float32)
    ones = np.ones_like(x)
    assert dot(x, ones) == float(x[0, 0]) + float(x[1, 0]) + float(x[2, 0])


def test_the_library_follows_the_arrays(xp):
    a = xp.zeros(3)
    assert array_module(a) is xp and array_module(a, a) is xp and array_module() is np
    assert isinstance(to_numpy(a), np.ndarray) and to_device(a, xp) is a
    assert arrays.is_array(a) and not arrays.is_array([0.0]) and not arrays.is_array(1.0)
    assert to_device(to_numpy(a), xp).dtype == a.dtype


def test_a_numpy_array_is_never_copied(xp):
    a = np.zeros(3)
    assert to_numpy(a) is a and to_device(a, np) is a


def other_library(monkeypatch, **contents):
    """Stand in for CuPy: a module whose arrays have a shape and nothing else."""
    fake = types.ModuleType("cupy")
    fake.ndarray = type("ndarray", (), {"shape": (2, 3), "__module__": "cupy.core"})
    fake.__dict__.update(contents)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    return fake


@pytest.mark.numpy_only
def test_two_libraries_are_not_mixed(monkeypatch):
    there = other_library(monkeypatch).ndarray()
    assert array_module(there) is sys.modules["cupy"] and arrays.is_array(there)
    with pytest.raises(TypeError, match=r"two devices \(numpy \(3,\), cupy \(2, 3\)\).*to_device"):
        array_module(np.zeros(3), there)


def test_a_good_array_is_handed_back(xp):
    a = xp.zeros((2, 3, 4))
    assert check_array("a", a, (2, "N", "K"), np.float64) is a
    assert check_array("a", a, (..., 3, "K")) is a
    assert check_array("a", a, (...,)) is a
    assert check_array("a", a[0, 0], (..., 4)).shape == (4,)
    assert check_array("a", a[:, :2], ("N", "N", "K")).shape == (2, 2, 4)


@pytest.mark.parametrize(
    "shape", [(2,), (2, 4), (2, 3, "K"), (..., 4), (..., 2, 2, 3), ("N", 2), ("N", "N")]
)
def test_a_wrong_shape_is_refused(xp, shape):
    letters = ", ".join("..." if n is ... else str(n) for n in shape)
    message = f"a: expected shape ({letters}), got (2, 3)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_array("a", xp.zeros((2, 3)), shape)


def test_other_bad_arrays_are_refused(xp):
    with pytest.raises(TypeError, match=r"a: expected a NumPy or CuPy array, got list \[1\.0\]"):
        check_array("a", [1.0], (1,))
    with pytest.raises(TypeError, match="a: expected dtype float32 or float64, got int32"):
        check_array("a", xp.zeros(2, np.int32), (2,))
    with pytest.raises(TypeError, match="a: expected dtype float32, got float64"):
        check_array("a", xp.zeros(2), (2,), np.float32)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="a: expected finite numbers, got NaN or infinity"):
            check_array("a", xp.asarray([0.0, bad]), (2,))


@pytest.mark.parametrize("shape", [("N", "K"), (2, "K"), (2, 0), (...,), (..., "K")])
def test_an_array_without_numbers_is_refused(xp, shape):
    with pytest.raises(ValueError, match=r"^a: expected shape \(.*\), no length 0, got \(2, 0\)$"):
        check_array("a", xp.zeros((2, 0)), shape)


@pytest.mark.numpy_only
def test_generator_takes_a_seed_and_nothing_else():
    assert arrays.generator(np.int64(4)).normal() == arrays.generator(4).normal()
    for bad in (-1, 1.0, "1", None, True):
        with pytest.raises(ValueError, match="seed: expected a non-negative integer, got"):
            arrays.generator(bad)


def test_the_backend_works(xp):
    assert backend(xp.__name__) is xp
    with pytest.raises(ValueError, match="expected one of numpy, cupy, auto, got 'torch'"):
        backend("torch")


@pytest.mark.numpy_only
def test_numpy_is_the_default_and_never_imports_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # an import would raise
    assert backend() is np and backend("numpy") is np
    assert array_module(np.zeros(1)) is np


@pytest.mark.numpy_only
def test_without_cupy_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError) as raised:
        backend("cupy")
    for text in ("not installed", "cupy-cuda12x[ctk]", "cupy-cuda13x[ctk]", "backend 'numpy'"):
        assert text in str(raised.value)
    with pytest.warns(RuntimeWarning, match="Going on with NumPy on the CPU") as warned:
        assert backend("auto") is np
    assert len(warned) == 1 and warned[0].filename == __file__


BROKEN = """
try:
    raise ImportError("libcudart.so.12: not found")
except ImportError as error:
    banner = f"\\n====\\nFailed to import CuPy from /usr/lib.\\n{error}\\n====\\n"
    raise ImportError(banner) from error
"""


@pytest.mark.numpy_only
def test_a_broken_cupy_is_told_and_left_alone(monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text(BROKEN)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="^CUDA's libraries are missing.*libcudart") as raised:
        backend("cupy")
    for text in ("cupy-cuda12x[ctk]", "cupy-cuda13x[ctk]", "(libcudart.so.12: not found)."):
        assert text in str(raised.value)
    with pytest.warns(RuntimeWarning, match="Going on with NumPy"):
        assert backend("auto") is np


def fake_device(monkeypatch, devices=1, ones=np.ones):
    """Stand in for a CuPy whose probe counts `devices`, or raises it, and works with `ones`."""

    def count():
        if isinstance(devices, Exception):
            raise devices
        return devices

    cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=count))
    return other_library(monkeypatch, cuda=cuda, ones=ones)


@pytest.mark.numpy_only
def test_a_device_that_passes_the_probe_is_taken(monkeypatch):
    fake = fake_device(monkeypatch)
    assert backend("cupy") is fake and backend("auto") is fake


CAUSES = {
    "cudaErrorInsufficientDriver: CUDA driver version is insufficient": "missing or older",
    "cudaErrorNoDevice: no CUDA-capable device is detected": "sees no GPU",
    "Out of memory allocating 512 bytes (allocated so far: 0 bytes).": "no free memory",
    "cudaErrorMemoryAllocation: out of memory": "no free memory",
    "libcuda.so.1: cannot open shared object file": "no NVIDIA driver",
    "libnvrtc.so.12: cannot open shared object file": "libraries are missing",
    "Could not find module 'nvrtc64_120_0.dll'": "libraries are missing",
    "DLL load failed while importing _core": "libraries are missing",
    'cuda_fp16.h(129): error: cannot open source file "vector_types.h"': "headers are missing",
    "no module cupy.sort in /usr/lib/x": "does not work here",
}


@pytest.mark.numpy_only
@pytest.mark.parametrize("text", CAUSES)
def test_each_cause_has_its_own_sentence(monkeypatch, text):
    fake_device(monkeypatch, RuntimeError(text))
    with pytest.raises(RuntimeError, match=CAUSES[text]) as raised:
        backend("cupy")
    assert str(raised.value).endswith(f" ({text}). {arrays.ON_THE_CPU}")
    assert sum(bool(re.search(sign, str(raised.value))) for sign in set(CAUSES.values())) == 1


@pytest.mark.numpy_only
@pytest.mark.parametrize(
    ("text", "line"),
    [("", "no text"), ("=====\n\n  kernel.cu(3): error \n  and more", "kernel.cu(3): error")],
)
def test_of_a_long_error_one_line_is_told(monkeypatch, text, line):
    fake_device(monkeypatch, RuntimeError(text))
    with pytest.raises(RuntimeError) as raised:
        backend("cupy")
    assert str(raised.value) == f"CuPy does not work here ({line}). {arrays.ON_THE_CPU}"


@pytest.mark.numpy_only
def test_no_device_and_wrong_numbers_are_noticed(monkeypatch):
    fake_device(monkeypatch, devices=0)
    with pytest.raises(RuntimeError, match="sees no GPU"):
        backend("cupy")
    fake_device(monkeypatch, ones=np.zeros)
    with pytest.raises(RuntimeError, match="wrong matrix product"):
        backend("cupy")
