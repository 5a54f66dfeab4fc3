"""A module's card as safe HTML: markdown-it without HTML, then nh3, then the site's CSP. Three locks on one door."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TAGS = _HEADINGS | {
    "a",
    "p",
    "ul",
    "ol",
    "li",
    "em",
    "strong",
    "del",
    "s",
    "code",
    "pre",
    "blockquote",
    "hr",
    "br",
}
_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20}).enable(
    ["table", "strikethrough"]
)
MAX_CARD = 200_000  # characters rendered


def render_card(text: str) -> SafeString:
    """HTML of a Markdown card. Images and raw HTML are left out; links open without telling where they came from.

    Headings begin at level 3, below those of the page.
    """
    tokens = _markdown.parse(text[:MAX_CARD])
    for token in tokens:
        if token.tag in _HEADINGS:
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer ugc",
    )
    return mark_safe(clean)
