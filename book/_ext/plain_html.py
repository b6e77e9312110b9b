"""What the theme's HTML lacks for readers who listen, search, or share a link.

A fold has the name that it shows, not "Toggle hidden content"; no page has the same id twice; each
page describes itself with its first sentences; the folder's own index.html, which only leads on,
says so in words; and a page shows itself before its icons, a script of 1.5 MB, have come.
"""

import re
from html import escape
from itertools import takewhile
from pathlib import Path
from textwrap import shorten

from docutils import nodes

SAME_NAME = '<summary aria-label="Toggle hidden content">'
SAME_ID = re.compile(r' id="(?:exercise|solution|proof)-content"')
ICONS = '<script src="../_static/scripts/fontawesome.js'
ENTRY = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="refresh" content="0; url={page}"></head>
<body><a href="{page}">{title}</a></body></html>
"""


def description(doctree):
    """The first sentences outside any box, those without a formula, in 160 letters, or ""."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            text = before_formula(paragraph)
            if len(text) > 40:
                return shorten(text, 160, placeholder=" …")
    return ""


def before_formula(paragraph):
    """The text of a paragraph, or of its sentences before the first that has a formula."""
    parts = list(takewhile(lambda child: not isinstance(child, nodes.math), paragraph.children))
    text = " ".join("".join(part.astext() for part in parts).split())
    return text if len(parts) == len(paragraph.children) else re.match(r"(.*[.?!:])?", text)[0]


def improve(app, pagename, templatename, context, doctree):
    """Mend what Sphinx is about to write."""
    body = context.get("body", "").replace(SAME_NAME, "<summary>")
    context["body"] = SAME_ID.sub("", body)
    if context.get("title") == context["docstitle"]:
        context["docstitle"] = ""  # the front page's title, once
    if doctree is not None and (text := description(doctree)):
        meta = f'<meta name="description" content="{escape(text)}" />'
        context["metatags"] = context.get("metatags", "") + meta


def write_entry(app, exception):
    """Write index.html before jupyter-book does, which leaves one alone that is there."""
    if app.builder.name == "html" and app.config.root_doc != "index" and not exception:
        title = escape(app.config.html_title)
        text = ENTRY.format(title=title, page=f"{app.config.root_doc}.html")
        Path(app.outdir, "index.html").write_text(text, encoding="utf-8")


def defer_icons(app, exception):
    """The theme has them in the head, where a page waits for them."""
    for path in [] if exception else Path(app.outdir).glob("*/*.html"):
        page = path.read_text(encoding="utf-8")
        if ICONS in page:
            path.write_text(page.replace(ICONS, ICONS.replace(" ", " defer ", 1)), encoding="utf-8")


def setup(app):
    app.connect("html-page-context", improve)
    app.connect("build-finished", write_entry, priority=100)
    app.connect("build-finished", defer_icons)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
