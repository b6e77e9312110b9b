"""The verdict on each claim of the paper: paper/claims.toml with the results in data.

Source: the list of claims and its rules were fixed before the runs; see the page Rules.
"""

import tomllib
from pathlib import Path

import special
from cells import DATA, stored
from contrasts import COUNTING, gather, outcomes, results
from evidence import Verdict

BOOK = Path(__file__).parent
CLAIMS = BOOK / "paper" / "claims.toml"
BENCHMARKS = ("benchmarks.json", "benchmarks_xeon.json")
WORDS = (
    "reproduced",
    "partly",
    "contradicted",
    "undecided",
    "not run yet",
    "not testable here",
)
SAID = {"shown": "reproduced", "false": "contradicted", "missing": "not run yet"}
CELLS = {"shown": "shown", "false": "shown false", "undecided": "open"}
CELLS |= {"single": "of one seed", "missing": "not run"}


def load(path=CLAIMS):
    """Return the claims, a dict from number to what claims.toml says, each with the axes."""
    content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    return {c["number"]: c | {"axes": content["axes"]} for c in content["claim"]}


def verdicts(folder=DATA, profile="paper"):
    """Return the Verdict on every claim, a dict by number, read afresh from a folder of results."""
    results.cache_clear()
    claims, found = load(), {}
    for number, claim in sorted(claims.items(), key=lambda item: "claims" in item[1]):
        found[number] = judge(claim, folder, profile, found)
    return {number: found[number] for number in claims}


def judge(claim, folder=DATA, profile="paper", others=None):
    """Return the Verdict on one claim, from `load`; others are those that a conjunction needs."""
    if claim["kind"] == "L":
        return Verdict("not testable here", claim["why"])
    if claim.get("compute") == "conjunction":
        return conjunction(claim, others)
    if "benchmark" in claim:
        return cost(claim, [stored(name, folder) for name in BENCHMARKS])
    if "compute" in claim:
        return total([special.SPECIAL[claim["compute"]](claim, folder, profile)], ["all"])
    if "part" in claim:
        parts = claim["part"]
        found = [outcomes(part, claim["axes"], folder, profile) for part in parts]
        if len(parts) > 1:
            found = [titled(*both) for both in zip(found, parts, strict=True)]
        return total(found, [part.get("need", "all") for part in parts])
    return checked(claim)


def titled(found, part):
    """Return the outcomes with the statistic in their names, and a bound that all of them have."""
    bound = f" {part['rule']} {part['than']:g}" if part["rule"] in COUNTING else ""
    return [o._replace(name=f"{part['statistic']}{bound}, {o.name}".rstrip(", ")) for o in found]


def total(parts, needs):
    """Return the Verdict from the outcomes of the parts, each with its need.

    A part that needs most or some of its cells speaks for itself alone: a claim in such parts is
    contradicted where all of them are.
    """
    words = []
    for found, need in zip(parts, needs, strict=True):
        ours = [outcome.word for outcome in found]
        words += ours if need == "all" else [gather(ours, need)]
    word = gather(words)
    if word == "false" and "all" not in needs and set(words) != {"false"}:
        word = "undecided"
    every = tuple(outcome for found in parts for outcome in found)
    n = min((outcome.n for outcome in every if outcome.n), default=0)
    return Verdict(SAID.get(word, word), sentence([outcome.word for outcome in every]), every, n)


def sentence(words):
    """Return how many cells are shown, shown false, undecided, of one seed, and missing."""
    if set(words) == {"missing"}:
        cells = "one cell" if len(words) == 1 else f"{len(words)} cells"
        return f"{cells}, none run yet"
    counts = [f"{words.count(w)} {said}" for w, said in CELLS.items() if w in words]
    return f"{', '.join(counts)} of {len(words)}" if len(words) > 1 else counts[0].lstrip("1 ")


def conjunction(claim, others):
    """Return the Verdict on a claim that holds if others do."""
    words = {number: others[number].word for number in claim["claims"]}
    back = {v: k for k, v in SAID.items()}
    if "partly" in words.values():
        word = "partly"
    else:
        word = gather([back.get(w, w) for w in words.values()])
    n = min((others[number].n for number in words if others[number].n), default=0)
    said = ", ".join(f"{number} {w}" for number, w in words.items())
    return Verdict(SAID.get(word, word), f"claims {said}", n=n)


def cost(claim, benches):
    """Return the Verdict on a claim about the ratio of two measured times."""
    wanted, rows = claim["benchmark"], [r for bench in benches for r in bench.get("ratios", [])]
    row = next((r for r in rows if wanted.items() <= r.items()), None)
    if row is None:
        return Verdict("not run yet", "no such row in the benchmarks")
    ratio = row["ratio"]
    word = "reproduced" if ratio > 1.1 else "contradicted" if ratio < 0.9 else "undecided"
    return Verdict(word, f"measured ratio of the times {ratio:.2g}")


def checked(claim):
    """Return the Verdict on an identity: what its checks show.  A test holds that they run."""
    count = len(claim["check"])
    return Verdict(claim["shows"], f"asserted by {count} check{'s' if count > 1 else ''}")
