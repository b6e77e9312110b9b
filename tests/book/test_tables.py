"""Tables 1 to 3: what is typed is whole, and what is computed agrees with sums done by hand."""

import re
from dataclasses import fields

import cells
import claims
import evidence
import pytest
import tables
from cells import METHODS, NETWORKS, PLAIN, SOLVERS, TABLE_2, Where, presence, printed
from synthetic import write

from snode.attacks import Rule
from snode.experiments.measure import SIGMA
from snode.experiments.profiles import PROFILES
from snode.experiments.runs import Run
from snode.experiments.strength import STEPS
from snode.robustness import NOISE_LEVELS

pytestmark = pytest.mark.numpy_only

NCG = {"activation": "tanh", "loss": "l2", "method": "ncg"}
CELL = ("NCG", "tanh, ℓ²")


def test_the_printed_tables_are_whole():
    paper = printed()
    assert set(paper) == {"table1", "table2", "table3", "stated"}
    assert list(paper["table1"]["rows"]) == [f"{a}, {b}" for a, b in zip(*SWAPPED)]
    assert set(paper["table2"]["rows"]) == set(METHODS) and set(paper["table3"]["rows"]) == set(
        PLAIN
    )
    for name, rows in (("table2", METHODS), ("table3", PLAIN)):
        assert sorted(paper[name]["columns"]) == sorted(NETWORKS) and len(rows) > 2
    for table in (paper["table1"], paper["table2"]):
        assert table["unit"] == "%" and table["runs"] == 5 and table["place"].startswith("Sec. 5")
        for row in table["rows"].values():
            assert len(row) == len(table["columns"])
            assert all(95 < mean < 100 and 0 < sd < 1 for mean, sd in row)


SWAPPED = (("Euler", "Euler", "ODE45", "ODE45"), ("Euler", "ODE45", "ODE45", "Euler"))


def test_the_third_table_is_whole_and_ordered():
    table = printed()["table3"]
    assert table["place"] == "App. D.4, Table 3" and set(table["units"]) == set(tables.QUANTITIES)
    for row in table["rows"].values():
        assert {part: len(pairs) for part, pairs in row.items()} == dict.fromkeys(table["units"], 4)
        assert all(0 < mean < 60 and 0 < sd < 17 for mean, sd in row["fooled"])
        for (mean, a), (largest, b) in zip(row["mean norm"], row["largest norm"], strict=True):
            assert 0 < mean < largest < 3 and mean < 1 and 0 <= a < 0.2 and 0 < b < 0.5


def test_what_the_paper_states_is_what_the_runs_do():
    stated = {name: entry["value"] for name, entry in printed()["stated"].items()}
    assert all(re.match("Sec. [56]|App. [A-D]", e["place"]) for e in printed()["stated"].values())
    run, profile = PROFILES["paper"].defaults, PROFILES["paper"]
    for name in {f.name for f in fields(Run)} & set(stated):
        assert getattr(run, name) == stated[name], name
    assert tuple(stated["noise levels"]) == NOISE_LEVELS
    assert stated["noise of the sensitivity"] == SIGMA and stated["start deviation"] == run.std
    assert (stated["attack step"], stated["long PGD step"]) == (STEPS["pgd"], STEPS["pgd-long"])
    assert (stated["attack step"], stated["attack iterations"]) == (Rule.step, Rule.iterations)
    assert (
        stated["mu4"] == METHODS["NCG w.d."]["weight_decay"] and len(cells.SEEDS) == stated["runs"]
    )
    assert stated["epochs, solvers"] == SOLVERS["ODE45"]["epochs"]
    assert stated["layers"] / stated["horizon"] == stated["layers of unit time"]
    assert stated["visible norm"] in profile.radii and stated["targets"] == stated["classes"] - 1
    assert stated["width"] == stated["pixels a side"] ** 2


def test_without_results_every_cell_is_shown_as_missing(tmp_path):
    for table, n in ((tables.table1, 8), (tables.table2, 20), (tables.table3, 36)):
        shown = table(Where(tmp_path))
        assert shown.count() == {"not run yet": n}
        assert repr(shown).count("not run yet") == n == shown._repr_html_().count("<tr>") - HEADS[n]
        assert max(map(len, repr(shown).splitlines())) <= 85
    assert presence(Where(tmp_path)) == "no seed of 5; 0 of 20 cells; 0 of 100 runs"


HEADS = {8: 1 + 4, 20: 1 + 5, 36: 1 + 9}  # rows that are no cells


def test_mean_deviation_and_difference_by_hand(tmp_path):
    for seed, value in ((0, 0.978), (1, 0.976), (3, 0.980)):
        write(tmp_path, value, seed=seed, **NCG)
    cell = tables.table2(Where(tmp_path))[CELL]
    assert cell.values == pytest.approx([97.8, 97.6, 98.0]) and cell.paper == (97.80, 0.06, 5)
    shown = ("? tanh, ℓ²", "97.80 ± 0.06", "97.80 ± 0.20", "3", "+0.00", "undecided")
    assert cell.texts() == shown
    assert cell.difference == pytest.approx(0, abs=1e-9) and cell.verdict.word == "undecided"
    assert presence(Where(tmp_path)) == "seeds 0, 1, 3 of 5; 1 of 20 cells; 3 of 100 runs"
    assert presence(Where(tmp_path, seeds=[1]), [CELL]) == "seed 1 of 1; 1 of 1 cells; 1 of 1 runs"
    assert tables.table2(Where(tmp_path, seeds=[0, 4]))[CELL].values == pytest.approx([97.8])


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.9798, "agrees"), (0.9799, "differs"), (0.9762, "agrees"), (0.976, "differs")],
)
def test_one_seed_is_held_against_the_prediction_interval(tmp_path, value, word):
    """tanh, l2, NCG: 97.80 +- 3.04 * 0.06, that is 97.62 to 97.98."""
    write(tmp_path, value, seed=2, **NCG)
    cell = tables.table2(Where(tmp_path))[CELL]
    assert cell.verdict.word == word and cell.texts()[2:4] == (f"{100 * value:.2f}", "1")
    assert cell.word == {"agrees": "inside", "differs": "outside"}[word]  # decides nothing


def test_many_seeds_agree_or_differ(tmp_path):
    for seed, shift in enumerate((-2e-4, -1e-4, 0, 1e-4, 2e-4)):
        write(tmp_path, 0.978 + shift, seed=seed, **NCG)
        write(tmp_path, 0.930 + shift, seed=seed, **NCG | {"method": "ncg-sobolev"})
    table = tables.table2(Where(tmp_path))
    assert table[CELL].verdict.word == "agrees"
    assert table["NCG Sob.", "tanh, ℓ²"].verdict.word == "differs"
    assert table.count() == {"agrees": 1, "differs": 1, "not run yet": 18}
    assert re.search("✓ tanh, ℓ² .* agrees\n", repr(table))
    assert ">✗ tanh, ℓ²<" in table._repr_html_()


def test_every_cell_of_table_2_asks_for_its_own_network(tmp_path):
    for k, (method, network) in enumerate(TABLE_2):
        write(tmp_path, 0.9 + k / 1000, seed=0, **METHODS[method] | NETWORKS[network])
    shown = {(c.group, c.name): c.values for c in tables.table2(Where(tmp_path)).cells}
    assert shown == {cell: pytest.approx([90 + k / 10]) for k, cell in enumerate(TABLE_2)}
    runs = [PROFILES["paper"].run(**METHODS[m] | NETWORKS[n]) for m, n in TABLE_2]
    assert all(
        "tanh" in n if r.activation == "tanh" else "ReLU" in n for r, (_, n) in zip(runs, TABLE_2)
    )
    assert all(("CE" in n) == (r.loss == "ce") for r, (_, n) in zip(runs, TABLE_2))
    assert all(("w.d." in m) == (r.weight_decay == 1e-8) for r, (m, _) in zip(runs, TABLE_2))
    assert all(("SGD" in m) == (r.method == "rmsprop") for r, (m, _) in zip(runs, TABLE_2))


def test_table_1_crosses_the_solvers(tmp_path):
    """In a synthetic result rk45 infers 0.03 and 0.01 below Euler: [+.01, 0] and [-.02, -.01]."""
    write(tmp_path, 0.95, seed=0, **SOLVERS["Euler"])
    write(tmp_path, 0.92, seed=0, **SOLVERS["ODE45"])
    shown = {(c.group, c.name): round(c.values[0], 6) for c in tables.table1(Where(tmp_path)).cells}
    expected = {"Euler, Euler": (96, 95), "Euler, ODE45": (93, 94)}
    expected |= {"ODE45, ODE45": (90, 91), "ODE45, Euler": (93, 92)}
    for group, (train, test) in expected.items():
        assert (shown[group, "training images"], shown[group, "test images"]) == (train, test)
    assert "1 of 2 cells" in presence(Where(tmp_path), {"Euler": SOLVERS["Euler"], "no": NCG})


def test_fewer_epochs_stand_in_for_table_1_but_are_not_judged(tmp_path):
    """The most epochs that both solvers have: an Euler run of 20 alone changes nothing."""
    ten, twenty = ({n: c | {"epochs": e} for n, c in SOLVERS.items()} for e in (10, 20))
    assert Where(tmp_path).solvers() == (twenty, 20)
    for runs, value in ((ten, 0.90), ({"Euler": twenty["Euler"]}, 0.95)):
        for choices in runs.values():
            write(tmp_path, value, seed=0, **choices)
    table = tables.table1(Where(tmp_path))
    assert Where(tmp_path).solvers() == (ten, 10) and "after 10 epochs" in repr(table)
    assert table.count() == {"not judged": 8}
    assert claims.judge(claims.load()[59], tmp_path).word == "not run yet"
    assert table["Euler, Euler", "test images"].values == pytest.approx([90])
    write(tmp_path, 0.93, seed=0, **twenty["ODE45"])
    assert "after 20 epochs" in repr(tables.table1(Where(tmp_path)))
    assert "not judged" not in tables.table1(Where(tmp_path)).count()


def test_a_heading_of_an_html_table_is_of_its_own_group():
    table = tables.html_table(("", "n"), [("A",), ("a", "1"), ("b", "2"), ("B",), ("c", "3")])
    first, second = table.split("<tbody>")[1:]
    assert first.count("<tr>") == 3 and second.count("<tr>") == 2
    assert all(part.startswith('<tr><th scope="rowgroup" colspan="2">') for part in (first, second))
    plain = tables.html_table(("", "n"), [("a", "1"), ("b", "2")])
    assert plain.count("<tbody>") == plain.count("</tbody>") == 1 and "rowgroup" not in plain


def test_solvers_are_compared_by_their_longest_runs(tmp_path):
    for epochs, seed in ((4, 1), (4, 0), (10, 0)):
        write(tmp_path, 0.90, seed=seed, **SOLVERS["ODE45"] | {"epochs": epochs})
    found = Where(tmp_path).longest("ODE45")
    assert {seed: len(result.content["epochs"]) for seed, result in found.items()} == {0: 10, 1: 4}
    assert Where(tmp_path).longest("Euler") == {}


def test_table_3_reads_the_default_attack_and_does_not_judge_its_largest_norm(tmp_path):
    write(tmp_path, 0.285, seed=0, **NCG)
    table = tables.table3(Where(tmp_path))
    fooled, norm, largest = (
        f"NCG: {part}" for part in ("fooled [%]", "mean norm [ℓ²]", "largest norm [ℓ²]")
    )
    assert table[fooled, CELL[1]].values == pytest.approx([28.5])
    assert table[norm, CELL[1]].values == [0.7]
    assert table[largest, CELL[1]].values == [1.4]
    assert table[largest, CELL[1]].verdict.word == "not judged"
    assert table.count() == {"inside": 2, "not run yet": 33, "not judged": 1}


def test_few_images_leave_a_difference_undecided(tmp_path):
    """3.52 +- 0.67 %; of 100 images such a share has the error 1.84: up to 4.2 is no surprise."""
    for seed, attacked in ((0, 100), (1, 1000)):

        def change(measured, attacked=attacked):
            measured.numbers["toolbox"]["attacked"] = attacked

        write(tmp_path, 0.07, seed=seed, change=change, **NCG | {"loss": "ce"})
    words = [
        tables.table3(Where(tmp_path, seeds=[s]))["NCG: fooled [%]", "tanh, CE"] for s in (0, 1)
    ]
    assert [cell.verdict.word for cell in words] == ["undecided", "differs"]


def test_an_attack_without_success_has_no_norm(tmp_path):
    def change(measured):
        default = measured.numbers["toolbox"]["carlini-wagner default"]
        default |= {"success": 0.0, "mean": None, "largest": None}

    write(tmp_path, 0.9, seed=0, change=change, **NCG)
    write(tmp_path, 0.9, seed=1, change=lambda measured: measured.numbers["toolbox"].clear(), **NCG)
    table = tables.table3(Where(tmp_path))
    assert table["NCG: fooled [%]", CELL[1]].values == [0.0]
    assert table["NCG: mean norm [ℓ²]", CELL[1]].texts()[2:] == ("", "0", "", "not run yet")


def test_the_deviation_that_is_printed_as_zero_is_shown_so(tmp_path):
    cell = tables.table3(Where(tmp_path))["NCG Sob.: mean norm [ℓ²]", "tanh, CE"]
    assert cell.texts()[1] == "0.11 ± 0.00"


def test_a_deviation_printed_as_zero_hides_half_a_hundredth():
    """0.11 ± 0.00, read as 0.11 ± 0.005: one run may lie 3.04 of these away."""
    paper, words = evidence.Printed(0.11, 0.0), []
    for value in (0.125, 0.126):
        words += [found.word for found in evidence.compare([(paper, [value])])]
    assert words == ["agrees", "differs"]


def test_no_deviation_of_norms_exceeds_half_of_the_largest(tmp_path):
    """A quarter of 100 images falls, at norms up to 1.4: the error is 0.7 / sqrt(25)."""
    write(tmp_path, 0.25, seed=0, **NCG)
    cell = tables.table3(Where(tmp_path))["NCG: mean norm [ℓ²]", CELL[1]]
    assert cell.error == pytest.approx(0.14)
