"""Every built page in a browser with the network off: what readers see, at a desk or on a phone."""

import pytest
import yaml
from offline_mathjax import mathjax_source
from pages import ROOT

pytest.importorskip("playwright.sync_api", reason="extra browser")
from browser import DESKTOP, HTML, PHONE, executable, launch, serve, show

if executable() is None:
    pytest.skip("extra browser: no chromium, no google-chrome", allow_module_level=True)
# the folder's own index.html only sends the reader on to book/index.html
PAGES = sorted(set(HTML.rglob("*.html")) - {HTML / "index.html"} - set(HTML.glob("_static/**/*")))
if not PAGES:
    pytest.skip("no pages in _build/html: run make html", allow_module_level=True)

pytestmark = [pytest.mark.browser, pytest.mark.numpy_only]

CHECKS = ROOT / "tests" / "book" / "page_checks.js"
NOT_OURS = (
    "Identifier 'THEBE_JS_URL' has already been declared",  # sphinx-thebe, which we do not use
    "Got invalid theme mode: . Resetting to auto.",  # the theme, on a reader's first page
)


@pytest.fixture(scope="module")
def context():
    with launch() as browser:
        context = browser.new_context(viewport=DESKTOP, color_scheme="dark")
        context.add_init_script(path=CHECKS)
        yield context


@pytest.fixture(scope="module")
def address():
    with serve(HTML) as address:
        yield address


def listen(page, address):
    """A list that fills with ``(kind, complaint)`` while the page loads."""
    heard = []

    def outside(url):
        return not url.startswith((address, "data:", "blob:", "about:"))

    def request(request):
        if outside(request.url):
            heard.append(("request", request.url))

    def message(text, source=""):
        if text not in NOT_OURS and not (source and outside(source)):
            heard.append(("console", text))

    page.on("request", request)
    page.on("websocket", request)
    page.on("pageerror", lambda error: message(error.message))
    page.on("console", lambda m: m.type == "error" and message(m.text, m.location.get("url", "")))
    return heard


def complaints(context, address, name):
    """Open one page, dark and wide, then narrow, then light; return ``(kind, complaint)`` pairs."""
    page = context.new_page()
    heard = listen(page, address)

    def ask(kind, call):
        heard.extend((kind, answer) for answer in page.evaluate(f"checks.{call}"))

    try:
        show(page, address + name)
        page.evaluate("checks.unfold()")
        ask("formula", "formulas()")
        ask("image", "images()")
        ask("colour", "colours('dark')")
        page.set_viewport_size(PHONE)
        ask("width", "width()")
        page.emulate_media(color_scheme="light")
        ask("colour", "colours('light')")
    finally:
        page.close()
    return heard


def listed(found):
    return "\n".join(f"{kind}: {text}" for kind, text in found)


def test_pages_are_all_there_and_newer_than_their_sources():
    text = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    toc = yaml.safe_load(text)
    names = [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]
    for name in names:
        source = next(p for p in map((ROOT / name).with_suffix, (".ipynb", ".md")) if p.is_file())
        page = (HTML / name).with_suffix(".html")
        assert page in PAGES, f"{name} has not been built: run make html"
        assert page.stat().st_mtime >= source.stat().st_mtime, f"{name} is old: run make html"


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda path: str(path.relative_to(HTML).with_suffix(""))
)
def test_page(context, address, page):
    found = complaints(context, address, page.relative_to(HTML).as_posix())
    assert not found, listed(found)


def test_solutions_have_names_and_formulas_in_sentences_are_no_stops(context, address):
    page = context.new_page()
    show(page, address + "book/03_model.html")
    buttons, formulas = "div.solution button.toggle-button", "mjx-container:not([display])"
    names = page.eval_on_selector_all(buttons, "all => all.map((e) => e.ariaLabel)")
    stops = page.eval_on_selector_all(formulas, "all => all.map((e) => e.tabIndex)")
    page.close()
    assert len(set(names)) == len(names) > 2 and set(stops) == {-1}
    assert all(name.startswith("Click to show: solution of Exercise 3.") for name in names), names


# The checks themselves, on small pages with one defect each.
HEAD = """<!doctype html><html lang="en"><head><title>One page</title>
<link rel="icon" href="data:,"><style>
html {{ background: #fff; color: #222 }}
html[data-theme=dark] {{ background: #121212; color: #ddd }}
a {{ color: inherit }} .box {{ overflow-x: auto }} .box p {{ width: 900px }}
</style><script>
const dark = matchMedia("(prefers-color-scheme: dark)");
(dark.onchange = () => document.documentElement.dataset.theme = dark.matches ? "dark" : "light")();
window.MathJax = {{"options": {{"processHtmlClass": "math", "ignoreHtmlClass": "article"}}}};
</script><script defer src="mathjax/tex-chtml.js"></script></head>
<body><article class="article"><h1>All is well</h1>
<p>It costs $5; <code>\\frac</code> <span class="math">\\(x^2\\)</span></p>
<details><summary>More</summary><div class="math">\\[x = \\frac{{1}}{{2}}\\]</div></details>
<div class="box"><p>A wide line in its own box.</p></div>
<img alt="A dot" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">
{body}</article></body></html>"""
BROKEN = [
    ("request", '<link rel="stylesheet" href="https://example.org/a.css">'),
    ("request", '<img src="http://192.0.2.1/a.png" alt="A picture from afar">'),
    ("request", "<script>fetch('//localhost/a').catch(() => {})</script>"),
    ("formula", r"<p>Raw, as here: \(x\)</p>"),
    ("formula", "<p>Raw, as here: $$x$$ or there: $x_1$</p>"),
    ("formula", r"<table><tr><td>A half is \frac{1}{2}</table>"),
    ("formula", r'<p>Wrong: <span class="math">\(\frac{1\)</span></p>'),
    ("formula", r'<p>Unknown: <span class="math">\(\unknown x\)</span></p>'),
    ("formula", '<p>Empty: <span class="math">x</span></p>'),
    ("console", "<script>noSuchFunction()</script>"),
    ("console", '<script>console.error("of ours")</script>'),
    ("console", '<script src="missing.js"></script>'),
    ("image", '<img src="missing.png" alt="A picture">'),
    ("image", '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=" alt=" ">'),
    ("width", '<p style="width: 500px">Wide</p>'),
    ("width", '<details><div style="width: 500px">Wide, and folded</div></details>'),
    ("colour", '<p style="color: #777">Grey on black</p>'),
    ("colour", '<table><tr><td style="color: rgb(255 255 255 / 40%)">Pale in the light</table>'),
    ("colour", '<p style="opacity: 0.3">A shadow of a line, <code>and of code</code></p>'),
    ("colour", '<h2 style="color: #555">A heading in the dark</h2>'),
    ("colour", "<script>dark.onchange = null; document.documentElement.dataset.theme = 0</script>"),
]


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A folder that is served, and its address."""
    folder = tmp_path_factory.mktemp("trial")
    (folder / "mathjax").symlink_to(mathjax_source())
    with serve(folder) as address:
        yield folder, address


@pytest.mark.parametrize(("kind", "body"), [("", ""), *BROKEN])
def test_a_defect_is_noticed_and_nothing_else(context, trial, kind, body):
    folder, address = trial
    name = f"{len(list(folder.iterdir()))}.html"  # its own: the browser keeps what it has seen
    (folder / name).write_text(HEAD.format(body=body), encoding="utf-8")
    found = complaints(context, address, name)
    also = {"console"} if "missing.png" in body else {"image"} if "a.png" in body else set()
    assert {kind for kind, _ in found} == ({kind} if kind else set()) | also, listed(found)
