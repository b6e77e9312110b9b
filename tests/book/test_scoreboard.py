"""Measures of a result, the claims with tests of their own, and the scoreboard."""

from pathlib import Path

import board
import claims
import contrasts
import measures
import numpy as np
import pytest
from memory import full, judged, memory, put, spread

pytestmark = pytest.mark.numpy_only
CLAIMS = claims.load()
NETS = [(a, loss) for a in ("tanh", "relu") for loss in ("l2", "ce")]


@pytest.fixture
def made(monkeypatch):
    yield from memory(monkeypatch)


# ---------------------------------------------------------------- measures


def test_auc_is_the_mean_share():
    assert measures.auc([1.0] * 20) == pytest.approx(95)  # 0 at radius 0
    assert measures.auc([0.0] * 20) == 0
    assert measures.auc_of_norms(np.array([0.25, np.inf])) == pytest.approx(50 * 0.55)
    assert np.isnan(measures.auc_of_norms(np.array([])))


def test_the_ensemble_takes_the_least_norm(made):
    def change(measured):
        for name, norm in (("own", 0.2), ("pgd", 0.4), ("pgd-long", np.inf)):
            norms = np.float16([norm, norm, np.nan, np.inf])
            measured.arrays[f"attacks_{name}_norm"] = norms

    put(made, "data", 0.9, change)
    found = contrasts.values("AUC ensemble", {}, "data", "paper")
    assert found == pytest.approx({0: measures.auc_of_norms(np.array([0.2, 0.2, np.inf]))})


def test_nine_targets_of_as_many_steps_are_nine_times_the_steps(made):
    def change(measured):  # seven steps: one gradient each, or one for each class
        for name, gradients in (("nine", 9 * 7), ("moving", 10 * 7)):
            measured.numbers["targets"][name]["gradients an image"] = gradients

    put(made, "data", 0.9, change)
    found = contrasts.values("steps of nine over moving", {}, "data", "paper")
    assert found == pytest.approx({0: 9})


@pytest.mark.parametrize("name", measures.MEASURES)
def test_every_measure_is_a_number_or_nothing_to_measure(made, name):
    def nothing(measured):
        full(measured)
        for part in ("attacks", "targets", "toolbox"):
            measured.numbers[part].clear()

    put(made, "some", 0.9, full)
    put(made, "none", 0.9, nothing)
    attack = name.startswith(("AUC", "steps of", "log norm by", "share w", "peak"))
    assert len(contrasts.values(name, {}, "some", "paper")) == 1
    assert len(contrasts.values(name, {}, "none", "paper")) == (not attack)


def test_all_verdicts_of_complete_results(made, tmp_path):
    """All claims at once, on two seeds of Tables 1 and 2: only the scans are missing."""
    for seed in (0, 1):
        for choices in contrasts.table_2():
            put(made, str(tmp_path), 0.97 + 0.001 * seed, full, seed=seed, **dict(choices))
        for flow in ("euler", "rk45"):
            put(made, str(tmp_path), 0.97, full, seed=seed, flow=flow, epochs=20)
    found = claims.verdicts(tmp_path)
    missing = {n for n, v in found.items() if v.word == "not run yet" and CLAIMS[n]["kind"] == "T"}
    # baselines, the scan of mu3, six passes; the tables read files
    assert missing == {1, 13, 17, 32, 59, 60, 61}
    assert all(v.n == 2 for n, v in found.items() if v.numbers and n not in missing)


def test_baselines(made, tmp_path):
    for activation, loss in NETS:
        spread(made, str(tmp_path), 0.975, method="ncg", activation=activation, loss=loss)
    assert judged(1, tmp_path).word == "not run yet"
    for linear, mlp, word in ((92, 98, "reproduced"), (92, 99, "partly"), (97, 99, "contradicted")):
        text = f'{{"linear": {{"test": {linear}}}, "mlp": {{"test": {mlp}}}}}'
        Path(tmp_path / "baselines.json").write_text(text, encoding="utf-8")
        assert judged(1, tmp_path).word == word


def test_limits_over_images(made):
    def wrong(*images):
        def change(measured):
            norms = np.full(200, 0.5, np.float16)
            norms[list(images)] = np.nan
            measured.arrays["attacks_own_norm"] = norms

        return change

    pair = ({"method": "ncg"}, {"method": "rmsprop"})
    put(made, "data", 0.9, wrong(0, 1), method="ncg")
    assert contrasts.over_images(pair, "data", "paper") is None
    put(made, "data", 0.9, wrong(1, 2, 3, 4, 5), method="rmsprop")
    contrasts.results.cache_clear()
    d, low, high = contrasts.over_images(pair, "data", "paper")
    assert d == pytest.approx(1.5) and low < 1.5 < high
    half = 1.96 * np.sqrt((5 / 200 - 0.015**2) / 200) * 100
    assert (high - low) / 2 == pytest.approx(half, rel=0.2)


def test_one_image_falls_everywhere(made):
    def norms(*values):
        def change(measured):
            for name in ("own", "pgd"):
                measured.arrays[f"attacks_{name}_norm"] = np.float16(values)

        return change

    for seed, last in ((0, 0.8), (1, 0.75), (2, 0.6)):
        network = {"activation": "tanh", "loss": "ce", "seed": seed}
        put(made, "data", 0.9, norms(0.5, np.nan, 0.5), method="rmsprop", **network)
        put(made, "data", 0.9, norms(np.inf, 0.5, 0.45), method="ncg", **network)
        put(made, "data", 0.9, norms(0.5, 0.5, last), method="ncg-sobolev", **network)
        word = ("undecided", "contradicted", "reproduced")[seed]
        assert judged(56).word == word
    assert judged(56).numbers[0].mean == pytest.approx(0.6 / 0.45, abs=1e-2)


def test_the_way_of_training_shapes_the_perturbation(made):
    rng = np.random.default_rng(0)
    own = {m: rng.normal(size=(4, 5)) for m in ("rmsprop", "ncg", "ncg-sobolev")}

    def change(shape):
        return lambda measured: measured.arrays.update(
            attacks_own_examples=np.float16(shape), attacks_examples=np.arange(5)
        )

    for activation, loss in NETS:
        for method, shape in own.items():
            for seed in (0, 1):
                rest = {"activation": activation, "loss": loss, "method": method, "seed": seed}
                put(made, "shaped", 0.9, change(shape * (1 + seed)), **rest)
                put(made, "alike", 0.9, change(own["ncg"]), **rest)
    assert judged(57, "shaped").word == "reproduced"
    assert judged(57, "alike").word == "contradicted"


# ---------------------------------------------------------------- the scoreboard


def test_the_board_counts_and_links(made, tmp_path):
    found = claims.verdicts(tmp_path)
    parts = board.sections(CLAIMS)
    assert sum(map(len, parts.values())) == len(CLAIMS) == sum(board.count(found).values())
    for part in parts.values():
        html = board.Board(part, found)._repr_html_()
        assert html.count("<li>") == len(part) == len(repr(board.Board(part, found)).splitlines())
        assert all(f"claims_list.html#claim-{c['number']}" in html for c in part)
    rows = board.Cells(found[21]).rows()
    assert len(rows) == 9 and rows[1][-1].startswith("−0.12 [")


def test_the_picture_marks_each_verdict(made, tmp_path):
    found = claims.verdicts(tmp_path)
    parts = {"first": [1, 21, 63], "last": [64]}
    (ax,) = board.picture(parts, found).axes
    words = [{found[n].word for n in numbers} for numbers in parts.values()]
    shown = sorted(text.get_text() for text in ax.texts if text.get_text())
    assert shown == sorted(board.MARKS[word] for of in words for word in of)
    assert sum(bar.get_width() for bar in ax.patches) == 4
    assert len(ax.get_legend_handles_labels()[1]) == len(set.union(*words))
