"""The silent choices: the runs of the workflow, what is said of them, and the tables."""

from pathlib import Path

import choices
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from synthetic import write

from snode.experiments.profiles import PROFILES
from snode.experiments.runs import Run

pytestmark = pytest.mark.numpy_only
FILES = ("sweep.yaml", "choices.yaml")
NCG = {"activation": "tanh", "loss": "l2", "method": "ncg"}


@pytest.mark.parametrize("name", FILES)
def test_no_entry_has_a_run_twice(name):
    plan = choices.sweep(name)
    assert set(plan.only) <= set(plan.entries)
    for entry in plan.entries:
        ids = plan.ids(entry)
        assert len(ids) == len(set(ids)) == len(plan.entries[entry]) * len(plan.seeds)


def test_every_run_of_the_choices_is_in_the_table_and_no_other():
    plan, profile = choices.sweep(), PROFILES["brief"]
    planned = {name for entry in plan.only for name in plan.ids(entry)}
    shown, back = [], {v: k for k, v in choices.SAID.items()}
    for choice in choices.ablation(Path("nowhere")):
        network = dict(zip(choices.NAMED, (back[part] for part in choice.network.split(", "))))
        shown += [profile.identify(profile.run(seed=s, **network | choice.made)) for s in (0, 1)]
    assert len(shown) == len(set(shown)) and set(shown) == planned
    assert plan.profile == "brief" and plan.seeds == [0, 1]


def test_every_choice_has_a_source_and_the_book_follows_it():
    plan = choices.sweep()
    varied = {field for entry in plan.entries.values() for made in entry for field in made}
    assert varied - set(choices.NAMED) == set(choices.SOURCES) <= set(Run.__dataclass_fields__)
    rows = {row[0]: row[-1] for row in choices.sources().rows}
    assert (
        rows["values of paper and ink"] == "0to-1" and rows["their standard deviation"] == "0.001"
    )


def test_without_results_everything_is_shown_as_missing(tmp_path):
    found = choices.ablation(tmp_path)
    assert {choice.word for choice in found} == {"not run yet"}
    shown = choices.table(found)
    assert (
        repr(shown).count("not run yet") == shown._repr_html_().count("not run yet") == len(found)
    )
    assert all(row[1:4] == ("", "", "") for row in shown.rows if len(row) > 1)
    assert max(map(len, repr(shown).splitlines())) <= 85


def test_a_choice_is_compared_with_the_default_of_its_network_seed_by_seed(tmp_path):
    for seed, value in ((0, 0.95), (1, 0.97)):
        write(tmp_path, value, "brief", seed=seed, **NCG)
        write(tmp_path, value - 0.02, "brief", seed=seed, input_range="0to1", **NCG)
    write(tmp_path, 0.5, "brief", seed=1, activation="relu", loss="ce")
    write(tmp_path, 0.6, "brief", seed=1, activation="relu", loss="ce", resample="mean")
    rows = {(c.network, str(c.made)): c for c in choices.ablation(tmp_path)}
    worse = rows["tanh, ℓ², NCG", str({"input_range": "0to1"})]
    assert worse.texts() == ("input_range 0to1", "94.00", "0, 1", "−2.00", "worse")
    assert worse.difference == pytest.approx({0: -2, 1: -2})
    assert rows["tanh, ℓ², NCG", "{}"].texts() == ("default", "96.00", "0, 1", "", "default")
    alone = rows["ReLU, CE, NCG", str({"resample": "mean"})]
    assert alone.texts() == ("resample mean", "60.00", "1", "+10.00", "one seed")


def test_a_choice_whose_default_is_missing_is_shown_and_not_judged(tmp_path):
    write(tmp_path, 0.9, "brief", seed=0, resample="mean", **NCG)
    (choice,) = (c for c in choices.ablation(tmp_path) if c.accuracy)
    assert choice.texts() == ("resample mean", "90.00", "0", "", "not run yet")


@pytest.mark.parametrize(
    ("points", "word"),
    [
        ((), "not run yet"),
        ((0.0,), "one seed"),
        ((0.4, 0.31), "better"),
        ((-0.4, -5), "worse"),
        ((0.3, -0.3), "no difference"),
        ((0.4, 0.2), "undecided"),
        ((-0.4, -0.2), "undecided"),
        ((0.4, -0.4), "undecided"),
    ],
)
def test_the_words(points, word):
    made = {"resample": "mean"}
    choice = choices.Choice("tanh", made, {}, dict(enumerate(points)))
    assert choice.word == word and word in choices.WORDS


def test_the_picture_has_a_dot_for_each_difference_beside_its_choice():
    mpl.use("Agg")
    _, ax = plt.subplots()
    found = [
        choices.Choice("tanh", {}, {0: 97.0}, {0: 0.0}),
        choices.Choice("tanh", {"std": 0.00510204, "epsilon_inside": True}, {}, {0: -0.5, 1: 0.25}),
        choices.Choice("ReLU", {"passes": 6}, {}, {}),
        choices.Choice("ReLU", {"weight_decay": 1e-8}, {}, {1: 1.5}),
    ]
    assert choices.draw(ax, found) == [found[1], found[3]]
    rows = dict(zip(ax.get_yticks(), [t.get_text() for t in ax.get_yticklabels()], strict=True))
    dots = [(*map(float, line.get_xdata()), rows[line.get_ydata()[0]]) for line in ax.lines]
    both, decay = "std 1/196, epsilon_inside", "weight_decay 1e-08"
    assert dots == [(-0.5, both), (0.25, both), (1.5, decay)]
    assert [t.get_text() for t in ax.texts] == ["tanh", "ReLU"]
    plt.close("all")


def test_lines_show_themselves_alike_as_text_and_as_html():
    lines = choices.Lines(("a", "b"), [("group",), ("x < y", "1"), ("z", "22")])
    assert repr(lines) == "a      b\ngroup\nx < y  1\nz      22"
    html = lines._repr_html_()
    assert "x &lt; y" in html and 'colspan="2">group<' in html and html.count("<td>") == 2


def test_progress_counts_cells_runs_and_results(tmp_path):
    write(tmp_path, 0.9, "paper", seed=3, **NCG)
    rows = {row[0]: row[1:] for row in choices.progress(tmp_path, choices.sweep("sweep.yaml")).rows}
    assert rows["table2"] == ("16", "80", "1", "yes") and rows["table1"] == ("2", "10", "0", "yes")
    assert rows["try"] == ("3", "15", "1", "if named")


def test_a_runs_id_in_words():
    assert choices.in_words("paper-tanh-l2-ncg-sobolev-s0") == "tanh, ℓ², NCG Sob."
    assert choices.in_words("paper-relu-ce-rmsprop-s3") == "ReLU, CE, SGD, seed 3"
    assert choices.in_words("paper-relu-l2-ncg-weight_decay=1e-08-s0").endswith(
        "ℓ², ncg-weight_decay=1e-08"
    )
