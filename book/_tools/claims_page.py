"""Write book/claims_list.md, the claims and their tests, from book/paper/claims.toml."""

import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1]
HEAD = """# The claims and their tests

Each claim of the paper in our words, where the paper makes it, and the test that decides it. The
words of the tests are explained in {doc}`rules`; what came out is on the {doc}`scoreboard`. This
page is made from `book/paper/claims.toml` by `python book/_tools/claims_page.py`.
"""
KINDS = {
    "T": "statistic of runs",
    "I": "identity",
    "C": "cost",
    "L": "not testable here",
}


def page(claims):
    """Return the page, a str, of the claims, a dict by number, in the order of their numbers."""
    items = (
        f"(claim-{n})=\n**{n}.** {c['says']} *({c['place']}; {KINDS[c['kind']]})*\n\n{c['test']}\n"
        for n, c in sorted(claims.items())
    )
    return "\n".join([HEAD, *items])


def main():
    """Write the page."""
    sys.path.insert(0, str(BOOK))
    import claims

    (BOOK / "claims_list.md").write_text(page(claims.load()), encoding="utf-8")


if __name__ == "__main__":
    main()
