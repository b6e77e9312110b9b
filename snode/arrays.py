"""Arrays on either device: which library, which backend, fused elementwise formulas.

The arrays carry the backend: every kernel of this package asks `array_module` which library its
arguments belong to and goes on with that one.  The device is chosen once, where arrays are born
(`backend`, `to_device`).  This is the only file that imports CuPy; it holds no mathematics.

Letters: xp the array library (numpy or cupy), a, x, y arrays of any shape.
"""

import functools
import re
import sys
import warnings

import numpy as np

from snode.scalars import check_seed

BACKENDS = ("numpy", "cupy", "auto")
ON_THE_CPU = "To run on the CPU instead, choose the backend 'numpy'."
INSTALL = "pip install 'cupy-cuda12x[ctk]' for a CUDA 12 driver, or 'cupy-cuda13x[ctk]' for CUDA 13"
NO_GPU = "CuPy sees no GPU (is CUDA_VISIBLE_DEVICES empty?)"
CAUSES = {  # a sign in the text of CuPy's error, and what it means
    "cudaErrorInsufficientDriver": "The NVIDIA driver is missing or older than this CuPy's CUDA: "
    "install or update the driver",
    "cudaErrorNoDevice": NO_GPU,
    "[Oo]ut of memory": "The GPU has no free memory: end the other programs that use it",
    r"libcuda\.so": "There is no NVIDIA driver on this machine",
    r"\.so\b|\.dll\b|\bDLL\b": f"CUDA's libraries are missing: {INSTALL}",
    "cannot open source file": f"CUDA's headers are missing: {INSTALL}",
    "": "CuPy does not work here",
}


def array_module(*arrays):
    """Return the library the arrays belong to.  Source: this package.

    Parameters
    ----------
    *arrays : array (any shape)
        NumPy arrays or CuPy arrays, not both.

    Returns
    -------
    module
        numpy, or cupy if the arrays live on a GPU.

    Raises
    ------
    TypeError
        If NumPy and CuPy arrays are mixed; nothing is copied between devices silently.
    """
    cupy = sys.modules.get("cupy")  # no CuPy array exists before somebody has imported CuPy
    if cupy is None:
        return np
    on_gpu = [isinstance(a, cupy.ndarray) for a in arrays]
    if not any(on_gpu):
        return np
    if not all(on_gpu):
        kinds = ", ".join(f"{type(a).__module__.split('.')[0]} {np.shape(a)}" for a in arrays)
        raise TypeError(f"arrays on two devices ({kinds}): move them with snode.arrays.to_device")
    return cupy


def to_numpy(a):
    """Return the array (any shape) on the CPU, a NumPy array as it is.

    Source: this package; trusts its input.
    """
    return a if array_module(a) is np else a.get()


def to_device(a, xp):
    """Return the array (any shape) in the library `xp`, copied only if it lives elsewhere.

    Source: this package; trusts its input.
    """
    return to_numpy(a) if xp is np else xp.asarray(a)


def is_array(a):
    """Tell (bool) whether `a` is a NumPy or CuPy array.  Source: this package; trusts its input."""
    cupy = sys.modules.get("cupy")
    return isinstance(a, np.ndarray) or (cupy is not None and isinstance(a, cupy.ndarray))


def check_array(name, a, shape, dtype=None, finite=True):
    """Refuse an array that does not have the shape and dtype expected.  Source: this package.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    a : array (shape)
        The array.
    shape : tuple of int, str or Ellipsis
        An int must agree; a letter, such as "K", stands for any length but 0, equal letters for
        equal lengths; "..." for any axes.
    dtype : dtype, optional
        float32 or float64; without it either is accepted.
    finite : bool
        False: the entries are not looked at.

    Returns
    -------
    array (shape)
        `a` itself.

    Raises
    ------
    TypeError
        If `a` is no array, or not of the dtype; nothing is cast.
    ValueError
        If the shape disagrees, a length is 0, or an entry is not finite.
    """
    if not is_array(a):
        raise TypeError(f"{name}: expected a NumPy or CuPy array, got {type(a).__name__} {a!r:.60}")
    allowed = ("float32", "float64") if dtype is None else (np.dtype(dtype).name,)
    if a.dtype.name not in allowed:
        raise TypeError(f"{name}: expected dtype {' or '.join(allowed)}, got {a.dtype}")
    wanted = [n for n in shape if n is not ...]
    found = a.shape[a.ndim - len(wanted) :] if ... in shape else a.shape
    lengths = dict(zip(wanted, found, strict=False))
    if list(found) != [n if isinstance(n, int) else lengths.get(n) for n in wanted] or not a.size:
        letters = ", ".join("..." if n is ... else str(n) for n in shape)
        also = "" if a.size else ", no length 0"
        raise ValueError(f"{name}: expected shape ({letters}){also}, got {a.shape}")
    if finite and not bool(array_module(a).isfinite(a).all()):
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity among {a.shape}")
    return a


def generator(seed):
    """Return a NumPy generator: numbers are drawn on the CPU, then moved, alike for both devices.

    Source: this package.  Raises ValueError unless the seed is a non-negative int.
    """
    check_seed(seed)
    return np.random.default_rng(int(seed))


def elementwise(inputs, outputs, cuda, layerwise=False):
    """Decorate an elementwise formula that writes into its outputs: one kernel on a GPU.

    Source: this package.

    Parameters
    ----------
    inputs, outputs : str
        CUDA declarations of the arguments, such as "T x, T h" and "T y" (elementwise, any shape).
    cuda : str
        The formula again, in CUDA; a test compares the two.
    layerwise : bool
        On the CPU, run over the first axis, so that one slice at a time stays in the cache.

    Returns
    -------
    callable
        `formula(*inputs, *outputs)`; trusts its input.
    """

    def decorate(formula):
        @functools.cache
        def kernel():
            import cupy

            return cupy.ElementwiseKernel(inputs, outputs, cuda, formula.__name__)

        @functools.wraps(formula)
        def run(*args):
            out = args[-1]
            if array_module(out) is not np:
                scalar = out.dtype.type  # a Python float would make the kernel work in float64
                kernel()(*(a if is_array(a) else scalar(a) for a in args))
                return
            args = [a if is_array(a) else float(a) for a in args]  # NumPy's would widen float32
            if layerwise:
                for l in range(len(out)):
                    formula(*(a[l] if is_array(a) else a for a in args))
            else:
                formula(*args)

        return run

    return decorate


@elementwise("T a, T x, T b", "T y", "y = a * x + b * y", layerwise=True)
def axpby(a, x, b, y):
    """Update y <- a x + b y in place, one layer at a time; a and b are scalars.

    x, y (L, N, ...), two arrays, share shape, dtype and device.  Source: extended BLAS; trusts its
    input.
    """
    if b != 1.0:
        y *= b
    y += x if a == 1.0 else a * x


def dot(x, y):
    """Return the sum of x*y over all entries, as a 0-d array of its device.  Source: BLAS, dot.

    Parameters
    ----------
    x, y : array (L, ...)
        Of the same shape, dtype and device.  Trusts its input.

    Returns
    -------
    scalar
        On the CPU the layers are summed in float64; on a GPU nothing is copied to the host.
    """
    xp = array_module(x, y)
    if xp is np:
        return np.float64(sum(float(np.vdot(u, v)) for u, v in zip(x, y, strict=True)))
    return xp.vdot(x, y)


def backend(name="numpy"):
    """Return the array library of that name, after a kernel and a matrix product have worked.

    Source: this package.

    Parameters
    ----------
    name : str
        "numpy"; "cupy", which never falls back; "auto": cupy, else numpy with one warning.

    Returns
    -------
    module
        numpy or cupy.

    Raises
    ------
    ValueError
        If the name is unknown.
    RuntimeError
        If "cupy" cannot be used; the message says why and what to do.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend: expected one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "numpy":
        return np
    reason = _why_not_cupy()
    if reason is None:
        import cupy

        return cupy
    if name == "cupy":
        raise RuntimeError(f"{reason} {ON_THE_CPU}")
    warnings.warn(f"{reason} Going on with NumPy on the CPU.", RuntimeWarning, stacklevel=2)
    return np


def _why_not_cupy():
    """Return None where CuPy works, else one sentence that says what is missing."""
    try:
        import cupy
    except ModuleNotFoundError as error:
        return f"CuPy is not installed ({error}): {INSTALL}."
    except ImportError as error:  # installed, but broken
        return _cupy_reason(error)
    try:
        if cupy.cuda.runtime.getDeviceCount() == 0:
            return f"{NO_GPU}."
        x = cupy.ones((2, 2), np.float32)
        if float((x @ (x + 1)).sum()) != 16.0:  # one kernel and one matrix product
            return "The GPU returned a wrong matrix product: its CUDA installation is broken."
    except Exception as error:  # CuPy raises a different type for each cause
        return _cupy_reason(error)
    return None


def _cupy_reason(error):
    """Turn a CuPy error into one sentence; CuPy's banner stands around the one that it is from."""
    text = str(error.__cause__ or error)
    line = re.search(r".*\w.*", text)
    said = next(sentence for sign, sentence in CAUSES.items() if re.search(sign, text))
    return f"{said} ({line[0].strip() if line else 'no text'})."
