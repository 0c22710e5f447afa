"""Chart text inside Markdown: shown as it is, never taken for markup."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_\[\]<>|#~])")


def escape(text: str) -> str:
    """Return one line of text in which nothing is read as Markdown or HTML."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
