"""Show a function of the package as it stands, without its docstring.

The directive ``{listing}`` is Sphinx's ``literalinclude`` for Python with two changes: the text
starts at the left margin, and the docstring of the object that ``:pyobject:`` names is left out,
for it is on the page of the package and the chapter has just said the same.  Nothing is copied, so
nothing can go stale; a name that does not exist fails the build.  ``:docstring:`` keeps it::

    ```{listing} ../snode/euler.py
    :pyobject: Euler.forward
    :caption: Equation (1)
    :name: code-forward
    ```
"""

import ast
from textwrap import dedent

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.directives.code import LiteralInclude


def without_docstring(code):
    """The text of a function or class without the lines of its own docstring."""
    lines = code.splitlines()
    body = ast.parse(code).body[0].body
    if len(body) > 1 and ast.get_docstring(ast.parse(code).body[0]) is not None:
        docstring = body[0]
        del lines[docstring.lineno - 1 : docstring.end_lineno]
        while not lines[docstring.lineno - 1].strip():
            del lines[docstring.lineno - 1]
    return "\n".join(lines) + "\n"


class Listing(LiteralInclude):
    option_spec = LiteralInclude.option_spec | {"docstring": directives.flag}

    def run(self):
        self.options.setdefault("language", "python")
        found = super().run()
        for root in found:
            for block in root.findall(nodes.literal_block):
                code = dedent(block.astext())
                code = code if "docstring" in self.options else without_docstring(code)
                block.rawsource, block.children = code, []
                block += nodes.Text(code)
        return found


def setup(app):
    app.add_directive("listing", Listing)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
