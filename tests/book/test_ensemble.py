"""PGD of the stored results joins the attacks on the same images."""

import ensemble
import numpy as np
import pytest
from cells import DATA, stored

from snode.experiments.results import load
from snode.files import read_arrays

pytestmark = pytest.mark.numpy_only


@pytest.mark.parametrize("name", ["relatives.json", "relatives_sobolev.json"])
def test_pgd_of_the_results_is_on_the_same_images_and_makes_the_best_no_worse(name):
    """Algorithm 2 stands in both files: on the same images it has fooled the same share."""
    before, after = stored(name)["networks"], ensemble.with_pgd(name)["networks"]
    results = {run: read_arrays(DATA / f"{run}.npz") for run in before}
    own_norms = [arrays["attacks_own_norm"] for arrays in results.values()]
    index = np.flatnonzero(~np.isnan(own_norms).any(axis=0))[:200]
    for run, found in after.items():
        own = ensemble.summary(results[run]["attacks_own_norm"][index])["within"]
        other = before[run]["attacks"]["Algorithm 2"]["within"]
        assert np.abs(np.subtract(own, other)).max() <= 0.5  # one image: norms in half precision
        ways = [found["attacks"][title]["within"] for title in ensemble.PGD]
        norms = [results[run][f"attacks_{key}_norm"][index] for key in ensemble.PGD.values()]
        assert ways == [ensemble.summary(v)["within"] for v in norms]
        assert (np.array(found["least"]["within"]) >= before[run]["least"]["within"]).all()
        assert (np.array(found["least"]["within"]) >= np.array(ways)).all()
    assert any(found["nearest"]["PGD, cross-entropy, 0.6"] > 0.05 for found in after.values())


def test_a_norm_on_a_radius_lies_within_it():
    """PGD ends on the border of its ball, and half precision may round that up."""
    for run in stored("relatives.json")["networks"]:
        result = load(DATA / f"{run}.json")
        for attack in ensemble.PGD.values():
            within = ensemble.summary(result.arrays[f"attacks_{attack}_norm"])["within"][:10]
            shares = result.content["measurements"]["attacks"][attack]["susceptible"][:10]
            np.testing.assert_allclose(within, 100 * np.array(shares), atol=0.1)


def test_nothing_stored_is_nothing_found(tmp_path):
    assert ensemble.with_pgd("relatives.json", tmp_path) == {}
