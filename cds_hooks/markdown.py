"""Chart text inside Markdown: shown as it is, never taken for markup."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"[\\`*_\[\]<>|#~&@]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
"""Characters that make markup or an entity, and what GitHub turns into a link without markup: addresses, e-mail."""


def escape(text: str) -> str:
    """Return one line of text in which nothing is read as Markdown, HTML or an address."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
