"""The table of the paper's main conclusions, and the counts beside it."""

import re

import board
import claims
import contrasts
import pytest
from memory import full, memory, put
from printed_outputs import to_nodes
from summary import HEADS, summary

pytestmark = pytest.mark.numpy_only
CLAIMS = claims.load()
SGD, NCG, SOBOLEV = "rmsprop", "ncg", "ncg-sobolev"


@pytest.fixture
def made(monkeypatch):
    yield from memory(monkeypatch)


def table(folder):
    """The table of what has been made up in a folder, and its lines by label."""
    found = summary(CLAIMS, claims.verdicts(folder), folder, "paper")
    return found, {line.label: line.texts() for _, lines in found.rows for line in lines}


def test_each_line_has_cells_and_no_number_is_typed(tmp_path):
    found, lines = table(tmp_path)
    assert 8 <= len(found.rows) <= 10
    assert len(lines) == sum(len(of) for _, of in found.rows)
    for question, of in found.rows:
        assert question["asks"].endswith("?") and all(line.outcomes for line in of)
        assert question["why"].endswith(".") and not re.search(r"\d", question["why"])
        assert not any(re.search(r"\d", line.label) for line in of)
    every = {line.label: [o.name for o in line.outcomes] for _, of in found.rows for line in of}
    for label, names in every.items():  # a label says which network is subtracted from which
        if sides := re.search(r": (\S+ − (NCG|SGD|CE|Sobolev))$", label):
            assert all(sides[1] in name for name in names)


def test_without_results_there_are_dashes_and_what_the_paper_prints(tmp_path):
    found, lines = table(tmp_path)
    assert lines["CE: NCG − SGD"][1:] == ("–", "1.55 … 2.27", "0 of 4", "–")
    # of Table 2: 97.60 − 96.05 and 97.67 − 95.40; below, 95.84 − 98.05 and 97.13 − 96.99
    assert lines["clean: Sobolev − NCG"][2] == "−2.21 … 0.14"
    assert lines["R: Sobolev − NCG"][1:3] == ("–", "–")
    assert "not run yet (23)" in repr(found)


def test_ours_are_the_means_of_the_cells_that_were_run(made, tmp_path):
    def smooth(measured):
        full(measured)
        measured.numbers["smoothness"]["W"] = 0.1

    for seed in (0, 1):
        for choices in contrasts.table_2():
            chosen = {"seed": seed} | dict(choices)
            sobolev = chosen["method"] == SOBOLEV
            level = {SGD: 0.97, NCG: 0.98, SOBOLEV: 0.96}[chosen["method"]]
            put(made, str(tmp_path), level, smooth if sobolev else full, **chosen)
    found, lines = table(str(tmp_path))
    assert lines["CE: NCG − SGD"] == ("CE: NCG − SGD", "1", "1.55 … 2.27", "4", "2")
    assert lines["clean: Sobolev − NCG"][1] == lines["R: Sobolev − NCG"][1] == "−2"
    assert lines["roughness: others / Sobolev"][1] == "10"
    assert lines["SGD: paper's − PGD, short steps"][3] == "8"
    assert f"{found.verdicts[23].word} (23)" in repr(found)


def test_the_table_leads_on_and_can_be_printed(tmp_path):
    found, lines = table(tmp_path)
    html = found._repr_html_()
    for question, _ in found.rows:
        assert f'href="{CLAIMS[question["claims"][0]]["page"]}.html"' in html
        assert all(f"claims_list.html#claim-{n}" in html for n in question["claims"])
    (printed,) = to_nodes(html)
    rows = [row for row in printed.findall() if row.tagname == "row"]
    assert len(rows) == 1 + len(lines) + 2 * len(found.rows)
    assert {len(row) for row in rows} == {1, len(HEADS)}
    assert found.rows[0][0]["why"] in printed.astext()


def test_measurements_are_counted_apart_from_misprints(tmp_path):
    found = claims.verdicts(tmp_path)
    counts = board.tally(CLAIMS, found)
    assert sum(sum(of.values()) for of in counts.values()) == len(CLAIMS)
    kinds = {n: claim["kind"] for n, claim in CLAIMS.items()}
    partly = [n for n, verdict in found.items() if verdict.word == "partly" and kinds[n] == "I"]
    assert counts["formulas and text"]["partly"] == len(partly) and {64, 67} <= set(partly)
    assert "partly" not in counts["measurements"]  # nothing was run here
    assert set(counts["other sentences"]) == {"not testable here"}


def test_each_statistic_has_a_range_of_its_own(made):
    for method, value in ((SGD, 0.97), (NCG, 0.98), (SOBOLEV, 0.96)):
        for network in (
            {"activation": a, "loss": k} for a in ("tanh", "relu") for k in ("l2", "ce")
        ):
            put(made, "data", value, full, method=method, **network)
    said = {n: board.numbers(CLAIMS[n], claims.judge(CLAIMS[n], "data")) for n in (7, 21, 47)}
    assert "; R: −2 points; fall: " in said[7]
    assert said[21].endswith("; 1 points; n = 1")  # one statistic needs no name
    assert "share of rising steps: 0; median miss of the predicted decrease: 0.0196;" in said[47]
