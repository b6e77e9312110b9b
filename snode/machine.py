"""How the device behaves, whatever it computes: its description, waiting, memory and speed.

Everything is asked through `xp`, the library in use (numpy or cupy); where a question has no
meaning on it, the answer is None.  Source of all: CUDA's and CuPy's documentation.
"""

import ctypes
import os
import platform
import time

import numpy as np

from snode import __version__

SWITCHES = ("CUPY_TF32", "NVIDIA_TF32_OVERRIDE", "CUPY_ACCELERATORS", "CUDA_VISIBLE_DEVICES")


def describe(xp):
    """Return what a report should say of the machine.  Source: CUDA's device properties.

    Parameters
    ----------
    xp : module
        numpy or cupy.  Trusts its input.

    Returns
    -------
    dict
        Short texts: the device, versions, and environment variables that change its results.
    """
    versions = {"snode": __version__, "numpy": np.__version__, "python": platform.python_version()}
    if xp is np:
        return {"CPU": f"{platform.machine()} x {os.cpu_count()}"} | versions
    runtime = xp.cuda.runtime
    properties = runtime.getDeviceProperties(xp.cuda.Device().id)
    return {
        "GPU": properties["name"].decode(),
        "compute capability": f"{properties['major']}.{properties['minor']}",
        "memory": f"{properties['totalGlobalMem'] / 2**30:.1f} GiB",
        "CUDA": str(runtime.runtimeGetVersion()),
        "driver": str(runtime.driverGetVersion()),
        "cupy": xp.__version__,
        **versions,
        **{name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def keep_freed_memory():
    """Ask the C library to keep what is freed: the next array then costs no new pages.

    As CuPy's pool does for a GPU.  Source: mallopt(3) of glibc; elsewhere nothing happens.

    Returns
    -------
    bool
        Whether the library agreed.  Trusts its input.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    never_by_mmap, never_trim = (-4, 0), (-1, -1)  # M_MMAP_MAX, M_TRIM_THRESHOLD
    return all(ctypes.CDLL(None).mallopt(*option) for option in (never_by_mmap, never_trim))


def waits(xp, call):
    """Tell whether a call comes back only after all work queued earlier is done.

    Source: this package: a loop of a quarter of a second is queued before the call.

    Parameters
    ----------
    xp : module
        numpy or cupy.
    call : callable
        Without arguments; made twice, for a first call compiles, allocates, and may wait.

    Returns
    -------
    bool or None
        None where the loop is done at once, on a CPU or an emulated device.  Trusts its input.
    """
    if xp is np:
        return None
    loop = xp.ElementwiseKernel(
        "T x, int32 n",
        "T y",
        # local variables: x and y are references, and would be read and written in each round
        "T u = x, v = x; for (int k = 0; k < n; ++k) v = v * u + u; y = v;",
        "loop",
    )
    x, done = xp.full(1, 0.5, np.float32), xp.cuda.Event()
    loop(x, 1)
    call()
    xp.cuda.Device().synchronize()
    loop(x, 10**8)
    done.record()
    if done.done:
        return None
    call()
    return bool(done.done)


def pool_growth(xp, call):
    """Return how many bytes a third call adds to the memory pool.  Source: CuPy's memory pool.

    Parameters
    ----------
    xp : module
        numpy or cupy.
    call : callable
        Without arguments.

    Returns
    -------
    (float, float) or None
        Bytes added and bytes held; None on a CPU.  Trusts its input.
    """
    if xp is np:
        return None
    totals = []
    for _ in range(3):
        call()
        totals.append(xp.get_default_memory_pool().total_bytes())
    return float(totals[2] - totals[1]), float(totals[2])


def milliseconds(xp, call):
    """Return the time of a call as a user waits for it, device idle before and after.

    Source: this package.

    Parameters
    ----------
    xp : module
        numpy or cupy.
    call : callable
        Without arguments; made four times, the first for warming up.  Trusts its input.

    Returns
    -------
    float
        The median, a scalar in milliseconds.
    """
    times = []
    for _ in range(4):
        begin = time.perf_counter()
        call()
        if xp is not np:
            xp.cuda.Device().synchronize()
        times.append((time.perf_counter() - begin) * 1000)
    return float(np.median(times[1:]))
