"""Serve MathJax from the book itself, so that its formulas need no network.

MathJax 3.2.2 comes as plain files from the package ``django-static-mathjax`` (no Django is used).
What a page can ask for is copied into ``_static/mathjax``: the TeX to HTML component, its fonts,
the TeX extensions that it loads on demand, and what the formula menu of readers who listen
(spoken formulas, in English) needs.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.errors import ExtensionError

WANTED = (
    "tex-chtml.js",
    "input/tex/extensions",
    "output/chtml/fonts/woff-v2",
    "a11y",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
)


def mathjax_source():
    """The folder of MathJax's files in the installed package."""
    spec = find_spec("mathjax")
    folder = Path(spec.origin).parent / "static/mathjax/es5" if spec and spec.origin else None
    if folder is None or not (folder / WANTED[0]).is_file():
        raise ExtensionError("MathJax not found: pip install django-static-mathjax==3.2.2.1")
    return folder


def use_local_files(app, config):
    config.mathjax_path = f"mathjax/{WANTED[0]}"  # below _static


def copy_files(app):
    if app.builder.format != "html":
        return
    source, target = mathjax_source(), Path(app.outdir, "_static/mathjax")
    for name in WANTED:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        else:
            shutil.copyfile(source / name, target / name)


def setup(app):
    app.connect("config-inited", use_local_files)
    app.connect("builder-inited", copy_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
