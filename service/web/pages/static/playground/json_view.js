// JSON for people: indented, coloured, to be copied.

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
const MOST_COLOURED = 400_000;

/** Show a value, or lines of text, in one of the parts of the panel; `note` stands beside its title. */
export function showExchange(name, value, note) {
  const part = document.querySelector(`[data-exchange=${name}]`);
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  part.querySelector("[data-note]").textContent = note;
  part.querySelector("[data-json]").replaceChildren(text.length > MOST_COLOURED ? text : coloured(text));
  const copy = part.querySelector("[data-copy]");
  if (copy) {
    copy.disabled = false;
    copy.textContent = "Copy";
    copy.onclick = async () => {
      await navigator.clipboard.writeText(text);
      copy.textContent = "Copied";
    };
  }
}

function coloured(text) {
  const fragment = document.createDocumentFragment();
  let position = 0;
  for (const match of text.matchAll(TOKENS)) {
    const [whole, string, colon, literal] = match;
    fragment.append(text.slice(position, match.index));
    const kind = string ? (colon ? "key" : "string") : literal ? "literal" : "number";
    const span = document.createElement("span");
    span.className = `json-${kind}`;
    span.textContent = whole;
    fragment.append(span);
    position = match.index + whole.length;
  }
  fragment.append(text.slice(position));
  return fragment;
}

/** Return a size in bytes as people say it. */
export function size(text) {
  const bytes = new TextEncoder().encode(text).length;
  return bytes < 1000 ? `${bytes} bytes` : `${Math.round(bytes / 1000)} kB`;
}
