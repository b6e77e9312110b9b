"""The whole book as one PDF: the numbers that the pages show, and room for long solutions.

LaTeX would count equations, figures, tables and listings anew; here each is given the number that
``paper_numbers`` has set, so that (3) is the paper's (3) in print, too.  Tables and lists that a
cell shows as HTML become LaTeX's, see ``printed_outputs``.  How all of it looks is in
``standalone-book.sty``.

Code that a page folds away (tag ``hide-input``) is left out of the PDF; solutions are printed.
"""

from docutils import nodes
from printed_outputs import PrintedOutputs
from sphinx.util.math import wrap_displaymath
from sphinx.writers.latex import LaTeXTranslator

from snode import __version__

COUNTED = {  # what has a number: Sphinx's kind, LaTeX's counter
    "figure": ("figure", "figure"),
    "table": ("table", "table"),
    "captioned_literal_block": ("code-block", "literalblock"),
}


class Translator(LaTeXTranslator):
    """Sphinx's, with the book's own numbers."""

    def number(self, node, kind, docname=None):
        """Return the number of a node, a str; empty if it has none."""
        numbers = self.builder.env.toc_fignumbers.get(docname or self.curfilestack[-1], {})
        identifier = next(iter(node.get("ids", ())), None)
        return ".".join(numbers.get(kind, {}).get(identifier, ()))

    def set_number(self, node):
        """Write what makes LaTeX print our number for a figure, table or listing."""
        kind, counter = COUNTED.get(type(node).__name__, ("", ""))
        if number := self.number(node, kind):
            self.body.append(f"\\renewcommand{{\\the{counter}}}{{{number}}}%\n")

    def visit_caption(self, node):
        self.set_number(node.parent)
        super().visit_caption(node)

    def visit_table(self, node):
        self.set_number(node)
        super().visit_table(node)

    def visit_math_block(self, node):
        if node.get("nowrap") or not node.get("label"):
            super().visit_math_block(node)
        formula, _, kind = wrap_displaymath(node.astext(), None, False).rpartition("\\end{")
        number = self.number(node, "displaymath", node["docname"])
        label = f"equation:{node['docname']}:{node['label']}"
        self.body.append(f"{formula}\\tag{{{number}}}\\label{{{label}}}\\end{{{kind}")
        raise nodes.SkipNode


def visit_exercise(writer, node):
    """A box, with the label that sphinx-exercise's references have and the one of any other."""
    for place in ("exercise", writer.curfilestack[-1]):
        writer.body.append(f"\\phantomsection\\label{{{place}:{node['label']}}}\n")
    writer.body.append("\\begin{sphinxadmonition}{note}")


def depart_exercise(writer, node):
    writer.body.append("\\end{sphinxadmonition}\n")


def visit_solution(writer, node):
    """No box: its code may be longer than what is left of the page."""
    label = f"{writer.curfilestack[-1]}:{node['label']}"
    writer.body.append(f"\n\\phantomsection\\label{{{label}}}\n\\begin{{booksolution}}")


def depart_solution(writer, node):
    writer.body.append("\\end{booksolution}\n")


def set_style(app, config):
    """Use our style: the class of sphinx-jupyterbook-latex wants packages without need."""
    style = f"\\newcommand{{\\bookversion}}{{{__version__}}}\n\\usepackage{{standalone-book}}\n"
    config.latex_theme = "manual"
    config.latex_elements["preamble"] = style


def use_translator(app):
    """Only for LaTeX: the theme leaves HTML tables alone where any translator is registered."""
    if app.builder.name == "latex":
        app.set_translator("latex", Translator)


def setup(app):
    from sphinx_exercise import nodes as exercises

    app.setup_extension("sphinx_exercise")  # before its nodes are printed in another way
    app.connect("config-inited", set_style, priority=900)
    app.connect("builder-inited", use_translator)
    app.add_node(exercises.exercise_enumerable_node, True, latex=(visit_exercise, depart_exercise))
    app.add_node(exercises.solution_node, True, latex=(visit_solution, depart_solution))
    app.add_post_transform(PrintedOutputs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
