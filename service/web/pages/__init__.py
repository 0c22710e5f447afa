"""The parts that all HTML pages share: base template, design system, rendering.

`templates/base.html` is the frame of a page and `static/tokens.css` the one place where colours and sizes stand;
`static/base.css` styles the elements, `static/components.css` the few components that pages have in common. There is no
build step: what lies in `static/` is what the browser gets.
"""
