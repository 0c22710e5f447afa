"""Readable views of the knowledge and of the clinical cases, for pharmacists: terminal, Markdown, HTML."""
