"""Names of users, organisations and modules: the part of an address that people choose.

The rules are those of Hugging Face, so that every name is a valid repository id there (and for llama.cpp).
"""

import re

NAME_RE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?", re.ASCII)

# First segments of an address that the site uses itself, now or in a protocol it speaks.
RESERVED = frozenset(
    """
    .well-known about account accounts admin admins anonymous api assets auth blog buckets chat
    collections compose contact dashboard dataset datasets discussions doc docs download downloads
    enterprise explore favicon.ico feed feeds following graphql healthz help home hub import index
    install jobs join kernels leaderboard legal login logout lora-hub me media metrics model models
    moderation module modules new none notifications null oauth organisation organisations organization
    organizations orgs papers password posts pricing privacy profile readyz recipes register robots.txt
    root search security settings share signin signout signup sitemap.xml spaces static status storage
    support system tasks terms try undefined upload uploads user users webhooks well-known whoami-v2 www
    xet
    """.split()  # noqa: SIM905 (one word a line is a page long)
)


def name_error(name: str) -> str | None:
    """What is wrong with this name, as a sentence; None if nothing is."""
    if not NAME_RE.fullmatch(name):
        return "Use 1 to 96 letters, digits, “-”, “_” or “.”, beginning and ending with a letter or digit."
    if "--" in name or ".." in name:
        return "“--” and “..” are not allowed in a name."
    if name.lower().endswith((".git", ".ipynb", ".lock")):
        return f"A name cannot end in “{name[name.rindex('.') :]}”."
    return None


def namespace_error(name: str) -> str | None:
    """As `name_error`, for the first part of an address: words that the site uses itself are taken."""
    if name.lower() in RESERVED:
        return f"“{name}” is reserved. Choose another name."
    return name_error(name)
