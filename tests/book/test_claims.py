"""Every claim has a rule that can be computed, and of made-up results it says the right word."""

import tomllib
from functools import cache

import claims
import claims_page
import contrasts
import evidence
import measures
import nbformat
import numpy as np
import pytest
import special
from memory import judged, memory, put, spread
from pages import BOOK
from synthetic import write

from snode.experiments.profiles import PROFILES

pytestmark = pytest.mark.numpy_only
CLAIMS = claims.load()
PARTS = [(n, part) for n, c in CLAIMS.items() for part in c.get("part", ())]
FIELDS = {"number", "kind", "section", "place", "page", "says", "test"}
CHAPTERS = {
    *("01_introduction", "02_related_work", "03_model", "04_training", "05_1_setup"),
    *("05_2_euler_ode45", "05_3_accuracy", "05_4_noise", "05_5_attacks", "06_conclusion"),
    *("A_background", "B_ncg", "C_sensitivity", "D_attacks", "cost"),
}
NETS = [(a, loss) for a in ("tanh", "relu") for loss in ("l2", "ce")]


# ---------------------------------------------------------------- the list


def there(check):
    """Tell whether a check exists: `file::name`, a test, or `page#tag`, a cell that has run."""
    if "::" in check:
        file, name = check.split("::")
        path = BOOK.parent / file
        return path.exists() and f"\ndef {name}(" in path.read_text(encoding="utf-8")
    page, tag = check.split("#")
    return tag in executed(page)


@cache
def executed(page):
    """Return the tags of a page's cells that have run without an error."""
    cells = nbformat.read(BOOK / f"{page}.ipynb", as_version=4).cells
    ran = [cell for cell in cells if cell.cell_type == "code" and cell.outputs]
    good = [c for c in ran if all(output.output_type != "error" for output in c.outputs)]
    return {tag for cell in good for tag in cell.metadata.get("tags", ())}


def test_every_claim_is_there_once():
    content = tomllib.loads((BOOK / "paper" / "claims.toml").read_text(encoding="utf-8"))
    numbers = [c["number"] for c in content["claim"]]
    assert sorted(numbers) == list(range(1, len(numbers) + 1)) and len(numbers) >= 58


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda c: c["number"])
def test_every_claim_says_what_decides_it(claim):
    assert claim.keys() >= FIELDS and claim["page"] in CHAPTERS
    by = {"T": {"part", "compute"}, "I": {"check"}, "C": {"check", "benchmark"}, "L": {"why"}}
    assert by[claim["kind"]] & claim.keys()
    for check in claim.get("check", ()):
        assert there(check), f"no such test, or no cell that has run: {check}"
    if "compute" in claim and claim["compute"] != "conjunction":
        assert claim["compute"] in special.SPECIAL
    if claim["kind"] in "IC" and "benchmark" not in claim:
        assert claim["shows"] in claims.WORDS


@pytest.mark.parametrize(("number", "part"), PARTS)
def test_every_part_can_be_computed(number, part):
    assert part["statistic"] in measures.MEASURES and part["rule"] in contrasts.RULES
    assert part.get("need", "all") in ("all", "most", "some")
    wanted = {"equal": "margin", "not less": "margin", "at most": "than", "at least": "than"}
    assert wanted.get(part["rule"], "rule") in part
    found = contrasts.cells(part, CLAIMS[number]["axes"])
    for cell in found:
        runs = [PROFILES["paper"].run(**choices) for choices in cell if choices is not None]
        assert len(set(runs)) == len(runs)
    assert len({contrasts.name(cell) for cell in found}) == len(found)


@pytest.mark.parametrize(
    ("number", "counts"),
    {4: [20, 20], 12: [10], 15: [2, 2, 2], 21: [8], 31: [18], 32: [3], 41: [12], 43: [8]}.items(),
)
def test_the_number_of_cells_is_that_of_the_text(number, counts):
    claim = CLAIMS[number]
    assert [len(contrasts.cells(part, claim["axes"])) for part in claim["part"]] == counts


def test_the_page_of_the_claims_is_made_from_the_list():
    text = (BOOK / "claims_list.md").read_text(encoding="utf-8")
    assert text == claims_page.page(CLAIMS), "run: python book/_tools/claims_page.py"


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("found", "need", "word"),
    [
        ("shown shown", "all", "shown"),
        ("shown false", "all", "partly"),
        ("shown false missing", "all", "partly"),
        ("false undecided", "all", "false"),
        ("false missing", "all", "undecided"),
        ("false single", "all", "undecided"),
        ("shown single", "all", "undecided"),
        ("shown false single", "all", "partly"),
        ("single single", "all", "undecided"),
        ("single missing", "all", "undecided"),
        ("false single", "some", "single"),
        ("shown undecided", "all", "undecided"),
        ("shown missing", "all", "undecided"),
        ("missing missing", "all", "missing"),
        ("shown shown false", "most", "shown"),
        ("shown shown missing missing", "most", "single"),
        ("shown undecided false single", "most", "single"),
        ("shown shown false false", "most", "false"),
        ("shown undecided false", "most", "undecided"),
        ("missing", "most", "missing"),
        ("shown missing missing", "some", "shown"),
        ("false undecided", "some", "undecided"),
        ("false false", "some", "false"),
    ],
)
def test_many_cells_make_one_word(found, need, word):
    assert contrasts.gather(found.split(), need) == word


def test_nothing_is_run_yet(tmp_path):
    found = claims.verdicts(tmp_path)
    assert list(found) == list(CLAIMS)
    for number, verdict in found.items():
        kind = CLAIMS[number]["kind"]
        assert (verdict.word == "not testable here") == (kind == "L")
        if kind == "T":
            assert verdict.word == "not run yet" and verdict.n == 0
    assert found[48].word == "not run yet"


@pytest.fixture
def made(monkeypatch):
    yield from memory(monkeypatch)


def ce_cells(made, folder, lead, seeds=3, sd=0.0002, nets=("tanh", "relu")):
    """The cells of claim 23, NCG ahead of SGD by a lead, one for each activation."""
    for activation, ahead in zip(nets, np.broadcast_to(lead, len(nets)), strict=True):
        for decay in (0.0, 1e-8):
            rest = {"activation": activation, "loss": "ce", "weight_decay": decay}
            spread(made, folder, 0.96, seeds, sd, 1, method="rmsprop", **rest)
            spread(made, folder, 0.96 + ahead, seeds, sd, 2, method="ncg", **rest)


@pytest.mark.parametrize(
    ("lead", "word"),
    [
        (0.02, "reproduced"),
        (-0.02, "contradicted"),
        (0.0, "contradicted"),  # equal within the margin is not more
        ((0.02, -0.02), "partly"),
    ],
)
def test_superiority(made, lead, word):
    ce_cells(made, "data", lead)
    verdict = judged(23)
    assert (verdict.word, verdict.n, len(verdict.numbers)) == (word, 3, 4)
    assert [o.mean for o in verdict.numbers] == pytest.approx(
        list(100 * np.repeat(np.broadcast_to(lead, 2), 2)), abs=0.1
    )


def test_too_few_seeds_and_too_much_spread_are_undecided(made):
    ce_cells(made, "one", 0.02, seeds=1)
    assert judged(23, "one").word == "undecided"
    ce_cells(made, "wide", 0.01, sd=0.02)
    assert judged(23, "wide").word == "undecided"
    ce_cells(made, "half", 0.02, nets=("tanh",))
    verdict = judged(23, "half")
    assert (verdict.word, verdict.sentence) == ("undecided", "2 shown, 2 not run of 4")


def test_pairs_are_by_seed(made):
    """What the seeds share cancels: a small lead over a large common spread is shown."""
    common = [0.95, 0.97, 0.96]
    for seed, level in enumerate(common):
        for activation in ("tanh", "relu"):
            for decay in (0.0, 1e-8):
                rest = {"activation": activation, "loss": "ce", "weight_decay": decay}
                put(made, "data", level, seed=seed, method="rmsprop", **rest)
                put(made, "data", level + 0.004, seed=seed, method="ncg", **rest)
    assert judged(23).word == "reproduced"


@pytest.mark.parametrize(
    ("lead", "equal", "not_less"),
    [
        (0.0, "reproduced", "reproduced"),
        (0.01, "contradicted", "reproduced"),
        (-0.01, "contradicted", "contradicted"),
    ],
)
def test_equivalence_and_non_inferiority(made, lead, equal, not_less):
    for activation, loss in NETS:
        for decay in (0.0, 1e-8):
            rest = {"activation": activation, "loss": loss, "weight_decay": decay}
            spread(made, "data", 0.97, noise=1, method="rmsprop", **rest)
            spread(made, "data", 0.97 + lead, noise=2, method="ncg", **rest)
    assert judged(25).word == equal
    assert judged(21).word == not_less


def test_thresholds_ask_every_seed(made):
    for flow in ("euler", "rk45"):
        spread(made, "data", 0.97, flow=flow, epochs=20)
    assert judged(10).word == "reproduced"
    put(made, "data", 0.5, flow="rk45", epochs=20, seed=4)
    assert judged(10).word == "undecided"
    spread(made, "low", 0.5, flow="euler", epochs=20)
    spread(made, "low", 0.97, flow="rk45", epochs=20)
    assert judged(10, "low").word == "partly"


@pytest.mark.parametrize(
    ("seeds", "shown", "sentence"),
    [(1, 0, "20 of one seed of 20"), (2, 17, "17 shown, 3 open of 20")],
)
def test_the_papers_own_numbers_agree_with_table_2(tmp_path, seeds, shown, sentence):
    """One run decides nothing, and three printed deviations are wider than the margin allows."""
    for choices, cell in contrasts.table_2().items():
        for seed in range(seeds):
            write(tmp_path, cell.mean / 100, seed=seed, **dict(choices))
    verdict = judged(60, tmp_path)
    assert (verdict.word, verdict.n, verdict.sentence) == ("undecided", seeds, sentence)
    assert [o.word for o in verdict.numbers].count("shown") == shown
    assert max(abs(o.mean) for o in verdict.numbers) < 1e-9


def parts_of(*words):
    return [[evidence.Outcome("", word, n=2)] * 3 for word in words]


@pytest.mark.parametrize(
    ("words", "needs", "verdict"),
    [
        (("false", "undecided"), ("all", "all"), "contradicted"),
        (("false", "undecided"), ("most", "most"), "undecided"),
        (("false", "false"), ("most", "most"), "contradicted"),
        (("false", "shown"), ("most", "most"), "partly"),
        (("false", "single"), ("most", "most"), "undecided"),
    ],
)
def test_parts_that_speak_of_most_cells_are_contradicted_together(words, needs, verdict):
    assert claims.total(parts_of(*words), needs).word == verdict


def test_the_papers_differences_stand_beside_ours():
    parts = {n: CLAIMS[n]["part"][0] for n in (21, 29)}
    found = contrasts.outcomes(parts[29], CLAIMS[29]["axes"], "nowhere", "paper")
    paper = {o.name: o.paper for o in found}
    assert paper["ReLU CE NCG: w.d. − no w.d."][0] == pytest.approx(-0.45)
    low, high = paper["tanh CE NCG: w.d. − no w.d."][1:]
    assert 0.3 < low < 0.68 < high
    assert all(o.word == "missing" and o.paper for o in found)


def test_a_conjunction_follows_its_claims():
    def said(*words):
        others = {
            n: evidence.Verdict(w, "") for n, w in zip(CLAIMS[5]["claims"], words, strict=True)
        }
        return claims.conjunction(CLAIMS[5], others).word

    assert said(*["reproduced"] * 5) == "reproduced"
    assert said(*["reproduced"] * 4, "contradicted") == "partly"
    assert said(*["contradicted"] * 4, "undecided") == "contradicted"
    assert said(*["reproduced"] * 4, "not run yet") == "undecided"
    assert said(*["not run yet"] * 5) == "not run yet"


def test_the_cost_of_the_sensitivity_problem_is_measured():
    assert claims.judge(CLAIMS[48]).word == "undecided"  # for all of P neither way is cheaper
    lines = [{**CLAIMS[48]["benchmark"], "ratio": ratio} for ratio in (1.2, 1.0, 0.8)]
    words = [claims.cost(CLAIMS[48], [{}, {"ratios": [line]}]).word for line in lines]
    assert words == ["reproduced", "undecided", "contradicted"]
