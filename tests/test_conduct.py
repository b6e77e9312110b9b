"""A whole run on a GPU, checkpoint included, agrees with the same run on the CPU."""

import dataclasses

import numpy as np
import pytest

from snode.experiments.conduct import prepare
from snode.experiments.measure import measure
from snode.experiments.profiles import PROFILES
from snode.experiments.training import train

PROFILE = dataclasses.replace(
    PROFILES["smoke"],
    checkpoint_seconds=0.0,
    images=20,
    train_images=40,
    target_images=4,
    toolbox_images=0,
)


def conduct(run, runs, backend):
    job = prepare(PROFILE, run, runs, backend)
    data = run.data()
    for _ in range(2):  # the second goes on from the last checkpoint, that is, from the end
        trained = train(run, data, job.xp, checkpoint=job.checkpoint, log_every=1)
    return job.finish(trained, measure(run, PROFILE, trained.weights, data, job.xp))


@pytest.mark.cupy_only
@pytest.mark.parametrize("method", ["ncg", "adam"])
def test_a_run_on_the_gpu_agrees_with_one_on_the_cpu(method, tmp_path, xp):
    run = PROFILE.run(method=method, layers=4, epochs=1, batch=700, iterations=2)
    cpu, gpu = (conduct(run, tmp_path / name, name) for name in ("numpy", "cupy"))
    assert cpu.content["epochs"] == gpu.content["epochs"]
    assert "GPU" in gpu.content["provenance"]["device"]
    for name, array in cpu.arrays.items():
        other = gpu.arrays[name]
        np.testing.assert_allclose(other, array, rtol=2e-3, atol=1e-5, err_msg=name)
