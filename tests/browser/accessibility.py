"""What a page owes to people who do not see it well, or do not use a mouse: small checks that run inside the page."""

from __future__ import annotations

from playwright.sync_api import Page

LOWEST_CONTRAST = 4.5
LOWEST_CONTRAST_LARGE = 3.0
SMALLEST_TARGET_PX = 24

_CONTRAST = """
([lowest, lowestLarge]) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = rgba(getComputedStyle(one).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const luminance = ([red, green, blue]) => {
    const linear = [red, green, blue].map((byte) => {
      const part = byte / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const poor = new Set();
  let looked = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest("script, style, .visually-hidden, :disabled")) continue;
    const style = getComputedStyle(element);
    const pixels = parseFloat(style.fontSize);
    const large = pixels >= 24 || (pixels >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(rgba(style.color), ground(element));
    looked += 1;
    if (ratio < (large ? lowestLarge : lowest)) {
      const words = texts.currentNode.data.trim().slice(0, 40);
      poor.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: ${words}`);
    }
  }
  for (const field of document.querySelectorAll("input:not([type=radio], [type=checkbox]), select, textarea")) {
    if (!field.checkVisibility()) continue;
    const ratio = contrast(rgba(getComputedStyle(field).borderTopColor), ground(field.parentElement));
    if (ratio < lowestLarge) poor.add(`${ratio.toFixed(2)} border of ${field.name}`);
  }
  return [looked, [...poor]];
}
"""

_STRUCTURE = """
(smallest) => {
  const wrong = [];
  const say = (what, element) => wrong.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  if (!document.documentElement.lang) wrong.push("the page names no language");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not exactly one h1");
  if (document.querySelectorAll("main").length !== 1) wrong.push("not exactly one main");
  let level = 0;
  for (const heading of [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(visible)) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) say("a heading level is left out", heading);
    level = own;
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  ids.filter((id, index) => ids.indexOf(id) !== index).forEach((id) => wrong.push(`id '${id}' stands twice`));
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(/\\s+/)) {
        if (!document.getElementById(id)) say(`${attribute} points nowhere`, element);
      }
    }
  }
  for (const field of [...document.querySelectorAll("input, select, textarea")].filter(visible)) {
    if (!field.labels.length && !field.getAttribute("aria-label")) say("a field without a label", field);
  }
  for (const image of document.querySelectorAll("img:not([alt])")) say("an image without alt", image);
  for (const group of document.querySelectorAll("fieldset")) {
    if (!group.querySelector(":scope > legend")) say("a group without legend", group);
  }
  for (const element of [...document.querySelectorAll("a, button, summary")].filter(visible)) {
    if (!(element.textContent.trim() || element.getAttribute("aria-label"))) say("a control without a name", element);
    const inText = element.matches("a") && getComputedStyle(element).display === "inline";
    const { width, height } = element.getBoundingClientRect();
    if (!inText && (width < smallest || height < smallest) && !element.matches(".skip-link")) {
      say(`a small target, ${width.toFixed(0)} × ${height.toFixed(0)}`, element);
    }
  }
  for (const element of document.querySelectorAll("pre, ul")) {
    const scrolls = element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1;
    const style = getComputedStyle(element);
    if (visible(element) && scrolls && /auto|scroll/.test(style.overflow) && element.tabIndex < 0) {
      say("it scrolls but takes no keyboard focus", element);
    }
  }
  return wrong;
}
"""


def poor_contrasts(page: Page) -> list[str]:
    """Return the visible texts and field borders whose contrast is too low (WCAG 2.2, 1.4.3 and 1.4.11).

    Disabled controls are exempt, as in WCAG.
    """
    looked, poor = page.evaluate(_CONTRAST, [LOWEST_CONTRAST, LOWEST_CONTRAST_LARGE])
    assert looked, "no text was found to look at"
    found: list[str] = poor
    return found


def structural_faults(page: Page) -> list[str]:
    """Return what is wrong with names, labels, headings, ids and the size of targets (WCAG 2.2)."""
    found: list[str] = page.evaluate(_STRUCTURE, SMALLEST_TARGET_PX)
    return found


def scrolls_sideways(page: Page) -> bool:
    """Whether the page is wider than the window."""
    wider: bool = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return wider
