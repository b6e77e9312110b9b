"""Where the book is, and a small Sphinx build to try its extensions on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
TEXTS = sorted(BOOK.glob("*.md")) + sorted(BOOK.glob("text/*.md"))

CONF = """
import sys
sys.path.insert(0, {extensions!r})
project = html_title = "trial"
root_doc = "book/index"
exclude_patterns = ["book/text/*"]
extensions = ["myst_nb", "sphinx_proof", "sphinx_exercise", "offline_mathjax", "paper_numbers",
              "listing", "pdf", "plain_html", "repository"]
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "colon_fence"]
numfig = True
numfig_format = {{"figure": "Figure %s", "table": "Table %s", "code-block": "Listing %s"}}
html_theme = "sphinx_book_theme"
html_theme_options = {{}}
"""


class Site(NamedTuple):
    """What a build left: its exit code, its messages, and the folder of the pages."""

    code: int
    messages: str
    html: Path

    def page(self, name):
        return (self.html / f"{name}.html").read_text(encoding="utf-8")


def build(folder, files, url=""):
    """Make a site from ``{"book/index.md": text, ...}`` in the folder, with our extensions."""
    conf = CONF.format(extensions=str(BOOK / "_ext"))
    for name, text in ({"conf.py": conf} | files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", ".", "html"]
    environment = os.environ | {"SNODE_REPOSITORY_URL": url}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return Site(result.returncode, result.stdout + result.stderr, folder / "html")
