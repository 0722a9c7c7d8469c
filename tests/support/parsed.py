"""A page as the tests of the report read it."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """What a test asks of a page: tags with attributes, ids, links, scripts, text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.scripts, self.texts, self._inside = [], [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._inside.append(tag)
            self.scripts.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        """Leave a script or a style sheet."""
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data):
        """Keep a text where it belongs."""
        if self._inside:
            self.scripts[-1][2] += data
        else:
            self.texts.append(data)

    def values(self, name):
        """All values of an attribute."""
        return [attrs[name] for _, attrs in self.tags if name in attrs]

    @property
    def text(self):
        """The visible text with single spaces."""
        return " ".join("".join(self.texts).split())
