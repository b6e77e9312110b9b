"""Formulas without a network, buttons only for a repository, listings, docstrings."""

import importlib
import inspect
import re

import nbformat
import pytest
from docutils.core import publish_doctree
from listing import without_docstring
from pages import BOOK, build
from plain_docstrings import skip, to_markup
from repository import address, theme_options
from sphinx.errors import ExtensionError

from snode.ode import Solution, Statistics

pytestmark = pytest.mark.numpy_only

URL = "https://github.com/owner/name"
CHAPTER = """# 3 Model

:::{note}
Not this one.
:::

Short: $x$.

One equation, "a flow" & no layers, is the model. It has the state $x$.

$$ x' = \\sigma(Wx + b) $$ (eq-paper-1)

:::{exercise} One
:label: ex-one
What is $x'$?
:::

:::{solution} ex-one
:class: dropdown
See above.
:::
"""
TABLE = "\n| a | b |\n| - | - |\n| 1 | 2 |\n"
LISTING = """
```{listing} code.py
:pyobject: C.method
:caption: Two lines
:name: code-method
```
"""
CODE = '''
class C:
    """Of the class."""

    def method(self):
        """Of the method.

        More of it.
        """

        answer = "it stays"  # and so does this
        return answer
'''


def files():
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_markdown_cell(CHAPTER + TABLE + LISTING)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    return {
        "book/index.md": "# trial\n\n```{toctree}\n03_model\n```\n",
        "book/03_model.ipynb": nbformat.writes(notebook),
        "book/text/03_model.md": CHAPTER,
        "book/code.py": CODE,
    }


@pytest.fixture(scope="module")
def plain_site(tmp_path_factory):
    site = build(tmp_path_factory.mktemp("plain"), files())
    assert site.code == 0, site.messages
    return site


@pytest.fixture(scope="module")
def linked_site(tmp_path_factory):
    site = build(tmp_path_factory.mktemp("linked"), files(), url=URL)
    assert site.code == 0, site.messages
    return site


def requests(page):
    """What a browser fetches by itself: scripts, style sheets, fonts, pictures, frames."""
    tags = re.findall(r"<(?:script|link|img|iframe|source|object|embed)\b[^>]*>", page)
    fetched = [tag for tag in tags if not re.search(r'rel="(next|prev|index|search)"', tag)]
    return [url for tag in fetched for url in re.findall(r'(?:src|href|data)="([^"]*)"', tag)]


def test_pages_fetch_nothing_from_the_network(plain_site):
    for name in ("book/index", "book/03_model", "search", "genindex"):
        page = plain_site.page(name)
        assert requests(page)
        assert not [url for url in requests(page) if re.match(r"(https?:)?//", url)]


def test_wide_tables_scroll(plain_site):
    """The theme wraps tables, unless some extension registers a translator of its own."""
    assert "pst-scrollable-table-container" in plain_site.page("book/03_model")


def test_style_sheets_fetch_nothing_from_the_network(plain_site):
    for sheet in plain_site.html.rglob("*.css"):
        css = sheet.read_text(encoding="utf-8")
        assert not re.search(r"""(@import\s+|url\()["']?(https?:)?//""", css), sheet.name


def test_mathjax_is_part_of_the_site(plain_site):
    assert "mathjax/tex-chtml.js" in plain_site.page("book/03_model")
    mathjax = plain_site.html / "_static/mathjax"
    assert (mathjax / "tex-chtml.js").stat().st_size > 1_000_000
    fonts = list((mathjax / "output/chtml/fonts/woff-v2").glob("*.woff"))
    assert len(fonts) > 20
    assert (mathjax / "input/tex/extensions/boldsymbol.js").is_file()


def test_a_page_describes_itself(plain_site):
    page = plain_site.page("book/03_model")
    said = re.findall('<meta name="description" content="([^"]*)"', page)
    assert said == ["One equation, “a flow” &amp; no layers, is the model."]
    assert "description" not in plain_site.page("genindex").split("<body")[0]


def test_no_page_waits_for_icons(plain_site):
    tags = re.findall("<script[^>]*fontawesome[^>]*>", plain_site.page("book/03_model"))
    assert len(tags) == 1 and tags[0].startswith("<script defer ")


def test_the_front_page_says_the_title_once(plain_site):
    for name, title in (("index", "trial"), ("03_model", "3 Model &#8212; trial")):
        found = re.search("<title>(.*)</title>", plain_site.page(f"book/{name}"))[1]
        assert found == title


def test_no_id_twice_and_folds_have_the_name_that_they_show(plain_site):
    page = plain_site.page("book/03_model")
    ids = re.findall(r' id="([^"]+)"', page)
    assert "ex-one" in page and len(ids) == len(set(ids)) > 5
    assert "Toggle hidden content" not in page


def test_the_folder_leads_to_the_book_in_words(plain_site):
    page = plain_site.page("index")
    assert 'url=book/index.html"' in page and 'lang="en"' in page
    assert re.search('<a href="book/index.html">trial.*</a>', page)


def buttons(page):
    return set(re.findall(r"btn-(source-[\w-]+-button|launch-\w+|source-\w+)", page))


def test_no_repository_no_buttons(plain_site):
    page = plain_site.page("book/03_model")
    assert not buttons(page)
    assert "github.com" not in page and "mybinder" not in page and "colab" not in page.lower()


def test_repository_buttons(linked_site):
    page = linked_site.page("book/03_model")
    wanted = {"source-repository-button", "source-edit-button", "source-issues-button"}
    assert wanted <= buttons(page)
    assert f"{URL}/edit/main/book/text/03_model.md" in page
    assert "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/book/03_model.ipynb" in page
    colab = "https://colab.research.google.com/github/owner/name/blob/main/book/03_model.ipynb"
    assert colab in page
    assert f"{URL}/edit/main/book/index.md" in linked_site.page("book/index")


@pytest.mark.parametrize("url", ["owner/name", "http://github.com/a/b", f"{URL}/tree/main", "x y"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ExtensionError, match="SNODE_REPOSITORY_URL"):
        theme_options(url)


def test_address_of_the_project_unless_a_variable_says_otherwise(tmp_path, monkeypatch):
    (tmp_path / "named.toml").write_text(f'[project.urls]\nRepository = "{URL}/"\n')
    (tmp_path / "nameless.toml").write_text('[project]\nname = "snode"\n')
    monkeypatch.delenv("SNODE_REPOSITORY_URL", raising=False)
    assert address(tmp_path / "named.toml") == URL and address(tmp_path / "nameless.toml") == ""
    for variable in ("https://github.com/a/fork", ""):
        monkeypatch.setenv("SNODE_REPOSITORY_URL", variable)
        assert address(tmp_path / "named.toml") == variable


def test_colab_only_for_github():
    assert "colab_url" in theme_options(URL)["launch_buttons"]
    assert "colab_url" not in theme_options("https://gitlab.com/a/b")["launch_buttons"]


def test_listing_shows_the_code_alone(plain_site):
    page = re.sub(r"<[^>]+>", "", plain_site.page("book/03_model"))
    assert "def method(self):" in page and "it stays" in page and "and so does this" in page
    assert "Of the method" not in page and "Of the class" not in page
    assert "Two lines" in page


def test_listing_leaves_other_strings():
    assert without_docstring("def f():\n    return 'a'\n") == "def f():\n    return 'a'\n"
    assert without_docstring("def f():\n    '''Doc.'''\n") == "def f():\n    '''Doc.'''\n"
    assert without_docstring("def f():\n    '''A.'''\n\n    x = 1\n") == "def f():\n    x = 1\n"


def test_docstrings_keep_every_sign():
    signs = "sigma'[l] * |x|, E_w and `code_x`, a\\b, *args."
    section = "Parameters\n----------\nx_ : array (N, K)\n    |x| * 2\n"
    docstring = f"{signs}\n\n    set * in\n      formula\n\n{section}"
    document = publish_doctree(to_markup(docstring), settings_overrides={"report_level": 1})
    assert not list(document.findall(lambda node: node.tagname == "system_message"))
    text = document.astext()
    for part in ("sigma'[l] * |x|, E_w and code_x, a\\b, *args.", "set * in\n  formula", "|x| * 2"):
        assert part in text
    assert "Parameters" in text and "x_" in text and "array (N, K)" in text


def test_fields_of_a_named_tuple_are_left_to_its_class():
    assert skip(None, "class", "accepted", Statistics.accepted, False, {})
    assert skip(None, "class", "start", Solution.start, False, {}) is None


def test_extensions_say_what_they_are_for():
    for file in (BOOK / "_ext").glob("*.py"):
        assert inspect.cleandoc(importlib.import_module(file.stem).__doc__)
