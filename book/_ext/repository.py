"""Links to the repository, if the book has one.

Its address, ``https://github.com/owner/name``, is ``Repository`` under ``project.urls`` in
pyproject.toml; the environment variable ``SNODE_REPOSITORY_URL`` goes before it, also when it is
empty.  An address adds the buttons *Repository*, *Suggest edit*, *Open issue*, *Binder* and *Colab*
to the pages.  Without it there is none, and the book names no address.  *Suggest edit* opens a
chapter's text twin: nobody edits a notebook's JSON by hand.
"""

import os
import re
import tomllib
from pathlib import Path

from sphinx.errors import ExtensionError

VARIABLE = "SNODE_REPOSITORY_URL"
PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
BUTTONS = ("use_repository_button", "use_edit_page_button", "use_issues_button")


def address(project=PROJECT):
    """The repository's address without a slash at its end, or "" if there is none."""
    urls = tomllib.loads(project.read_text(encoding="utf-8"))["project"].get("urls", {})
    return os.environ.get(VARIABLE, urls.get("Repository", "")).rstrip("/")


def theme_options(url):
    """The theme's options for a repository at ``url``; none for an empty ``url``."""
    if not url:
        return dict.fromkeys(BUTTONS, False) | {"repository_url": "", "launch_buttons": {}}
    if not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+", url):
        raise ExtensionError(f"{VARIABLE} is {url!r}, expected https://host/owner/name")
    launch = {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org"}
    if url.startswith("https://github.com/"):
        launch["colab_url"] = "https://colab.research.google.com"
    options = {"repository_url": url, "repository_branch": "main", "path_to_docs": ""}
    return options | dict.fromkeys(BUTTONS, True) | {"launch_buttons": launch}


def set_theme_options(app, config):
    config.html_theme_options.update(theme_options(address()))


def edit_the_text_twin(app, pagename, templatename, context, doctree):
    """Let *Suggest edit* lead to ``book/text/X.md`` where the page is ``book/X.ipynb``."""
    folder, _, name = pagename.rpartition("/")
    twin = f"{folder}/text/{name}.md"
    if not Path(app.srcdir, twin).is_file():
        return
    for group in context.get("header_buttons", ()):
        for button in group.get("buttons", ()):
            if button.get("label") == "source-edit-button":
                button["url"] = button["url"].replace(f"{pagename}.ipynb", twin)


def setup(app):
    app.connect("config-inited", set_theme_options)
    # the theme makes the buttons with priority 501
    app.connect("html-page-context", edit_the_text_twin, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
