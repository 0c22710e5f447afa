"""Chart text inside Markdown: shown as it is, never taken for markup."""

from __future__ import annotations

import re

_MARKUP = r"\`*_[]<>|#~&@"
"""Characters that make markup or an entity, or what GitHub takes for an e-mail address."""
_HAS_MARKUP = re.compile(f"[{re.escape(_MARKUP)}]")
_ESCAPED = str.maketrans({character: f"\\{character}" for character in _MARKUP})
_HOST = re.compile(r"(\bwww)\.", re.IGNORECASE)


def escape(text: str) -> str:
    """Return one line of text in which nothing is read as Markdown, HTML or an address."""
    text = " ".join(text.split())
    if _HAS_MARKUP.search(text):
        text = text.translate(_ESCAPED)
    if "//" in text:  # GitHub turns addresses into links without any markup
        text = text.replace("://", r"\://")
    return _HOST.sub(r"\1\\.", text) if "www." in text.lower() else text
