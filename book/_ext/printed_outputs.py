"""Tables and lists that a cell shows as HTML, as nodes that every builder can write.

A page shows a cell's HTML; LaTeX cannot, and would fall back on plain text.  Our cells use few
tags: table, caption, tr, th, td, ul, li, p, b, i, code, a; others leave their text.
"""

from html.parser import HTMLParser

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

INLINE = {"b": nodes.strong, "strong": nodes.strong, "i": nodes.emphasis, "em": nodes.emphasis}
INLINE |= {"code": nodes.literal}
BLOCKS = {"ul": nodes.bullet_list, "ol": nodes.enumerated_list, "li": nodes.list_item}
CELLS = ("td", "th", "caption")


class Reader(HTMLParser):
    """Reads HTML; ``blocks`` are the nodes, and a table is first kept as rows of cells."""

    def __init__(self):
        super().__init__()
        self.root = nodes.container()
        self.stack = [("", self.root)]
        self.rows, self.title = None, None

    @property
    def place(self):
        return self.stack[-1][1]

    def open(self, tag, node):
        self.place.append(node)
        self.stack.append((tag, node))

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.rows, self.title = [], None
        elif tag == "tr":
            self.rows.append([])
        elif tag in CELLS:
            text = nodes.paragraph()
            self.stack.append((tag, text))
            if tag == "caption":
                self.title = text
            else:
                span = int(dict(attributes).get("colspan") or 1)
                self.rows[-1].append((text, tag == "th", span))
        elif tag in BLOCKS:
            self.open(tag, BLOCKS[tag]())
        elif tag == "p":
            self.open(tag, nodes.paragraph())
        elif tag in INLINE:
            self.text_place()
            self.open(tag, INLINE[tag]())

    def handle_endtag(self, tag):
        if tag == "table":
            self.root.append(table(self.rows, self.title))
        elif any(tag == name for name, _ in self.stack):
            while self.stack.pop()[0] != tag:
                pass

    def text_place(self):
        """Open a paragraph where text cannot stand."""
        if isinstance(self.place, nodes.list_item | nodes.container):
            self.open("text", nodes.paragraph())

    def handle_data(self, data):
        if data.strip() or isinstance(self.place, nodes.TextElement):
            self.text_place()
            self.place.append(nodes.Text(data))


def table(rows, title):
    """Build a table from rows of (text, is a head, columns that it spans)."""
    width = max(sum(span for _, _, span in row) for row in rows)
    group = nodes.tgroup(cols=width)
    group.extend(nodes.colspec(colwidth=1) for _ in range(width))
    heads = 1 if all(head for _, head, _ in rows[0]) else 0
    for part, lines in ((nodes.thead(), rows[:heads]), (nodes.tbody(), rows[heads:])):
        for line in lines:
            entries = (
                nodes.entry("", text, **({"morecols": span - 1} if span > 1 else {}))
                for text, _, span in line
            )
            part.append(nodes.row("", *entries))
        if lines:
            group.append(part)
    made = nodes.table("", group)
    if title is not None:
        made.insert(0, nodes.title("", "", *title.children))
    return made


def to_nodes(html):
    """Return the nodes that show the HTML, a list."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.root.children


class PrintedOutputs(SphinxPostTransform):
    """In each bundle of a cell's outputs, let the HTML stand in for the plain text."""

    default_priority = 3  # before MyST-NB selects one of the bundle
    formats = ("latex",)

    def run(self, **options):
        for bundle in list(self.document.findall(nodes.container)):
            if bundle.get("nb_element") != "mime_bundle":
                continue
            kinds = {child["mime_type"]: child for child in bundle}
            if "text/html" in kinds and "text/plain" in kinds:
                kinds["text/plain"].children = []
                kinds["text/plain"].extend(to_nodes(kinds["text/html"].astext()))
