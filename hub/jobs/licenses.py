"""Which licence a composition has: the strictest of its parents."""

from collections.abc import Iterable

# From the freest to the strictest. What is not in this list is stricter than all of it: nobody here has read it.
ORDER = (
    "public-domain",
    "cc0-1.0",
    "unlicense",
    "mit",
    "isc",
    "bsd-2-clause",
    "bsd-3-clause",
    "apache-2.0",
    "cc-by-3.0",
    "cc-by-4.0",
    "mpl-2.0",
    "lgpl-3.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "gpl-2.0",
    "gpl-3.0",
    "agpl-3.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-nc-nd-4.0",
)


def strictest(licenses: Iterable[str]) -> str:
    """The strictest of these identifiers; "" if a parent states none, since then nobody may promise anything.

    Of several unknown ones the result is "other".
    """
    found = {text.strip().lower() for text in licenses}
    if not found or "" in found:
        return ""
    unknown = found - set(ORDER)
    if unknown:
        return unknown.pop() if len(unknown) == 1 else "other"
    return max(found, key=ORDER.index)
