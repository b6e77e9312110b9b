"""Show docstrings that are written for people who read code.

The package's docstrings are plain text with formulas such as ``sigma'[l] * |x|`` and NumPy's
sections (Parameters, Returns, Raises).  Read as reStructuredText, their stars and bars would turn
into markup; here every sign stays what it is.  Sections become fields, and a paragraph that is
indented (a formula, a glossary) stays as it stands.
"""

import re
from inspect import cleandoc
from textwrap import dedent, indent

SECTIONS = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Notes", "Examples")
HEADING = re.compile(rf"^({'|'.join(SECTIONS)})\n-+\n", re.MULTILINE)
CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)


def escaped(text):
    """Text in which only code between backquotes is markup."""
    parts = CODE.split(text)
    parts[::2] = [re.sub(r"([\\*|_`])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"``{part.strip('`')}``" for part in parts[1::2]]
    return "".join(parts)


def is_verbatim(paragraph):
    """Whether the lines are set in, or set in differently and not the points of a list."""
    margins = {len(line) - len(line.lstrip()) for line in paragraph.splitlines()}
    return margins != {0} and not re.match(r"(-|\d+\.) ", paragraph)


def prose(text):
    """Paragraphs, with those that are set in kept as they stand."""
    blocks = []
    for paragraph in filter(str.strip, re.split(r"\n\s*\n", text.strip("\n"))):
        if is_verbatim(paragraph):
            blocks.append("::\n\n" + indent(dedent(paragraph), "    "))
        else:
            blocks.append(escaped(paragraph))
    return "\n\n".join(blocks)


def items(text):
    """The entries of a section: a line at the margin and, set in below it, what it means."""
    entries = []
    for entry in re.split(r"\n(?=\S)", text.strip("\n")):
        head, _, meaning = entry.partition("\n")
        name, colon, kind = head.partition(" : ")
        entries.append(f"**{escaped(name)}**" + (f" : {escaped(kind)}" if colon else ""))
        entries.append(indent(prose(dedent(meaning)), "    "))
    return "\n".join(entries)


def to_markup(docstring):
    """reStructuredText that shows the docstring."""
    text, *sections = HEADING.split(cleandoc(docstring))
    blocks = [prose(text)] if text.strip() else []
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        body = prose(body) if title in ("Notes", "Examples") else items(body)
        blocks.append(f":{title}:\n" + indent(body, "    "))
    return "\n\n".join(blocks) + "\n"


def process(app, what, name, obj, options, lines):
    lines[:] = to_markup("\n".join(lines)).splitlines() + [""]


def skip(app, what, name, obj, skip, options):
    """Leave out the fields of a NamedTuple, which its class's docstring describes; else None."""
    return True if (obj.__doc__ or "").startswith("Alias for field number") else None


def setup(app):
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", process)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
