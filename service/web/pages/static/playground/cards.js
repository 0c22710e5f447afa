// Cards as an EHR would draw them.

const INDICATORS = { critical: "Critical", warning: "Warning", info: "Information" };
const WEB = /^https?:\/\//i;

/**
 * Return the element of a card.
 *
 * @param card  the card, as the service sent it
 * @param html  its detail as HTML, `{lead, rest}`, made safe by the server
 * @param accept    called with a suggestion when its button is pressed; says whether that reached the service
 * @param override  called with the reason and the comment; says the same
 */
export function cardElement(card, html, { accept, override }) {
  const element = document.querySelector("#card-template").content.firstElementChild.cloneNode(true);
  const find = (selector) => element.querySelector(selector);
  element.dataset.indicator = card.indicator;
  element.dataset.topic = card.source.topic?.code ?? "";
  find("use").setAttribute("href", `#icon-${card.indicator}`);
  find(".indicator span").textContent = INDICATORS[card.indicator] ?? card.indicator;
  find("h3").textContent = card.summary;
  find("h3").id = `card-${card.uuid}`;
  element.setAttribute("aria-labelledby", `card-${card.uuid}`);
  find(".lead").innerHTML = html.lead;
  find(".rest").innerHTML = html.rest;
  find(".more").hidden = !html.rest;
  find("footer").append(...source(card.source));
  for (const link of card.links ?? []) find(".links").append(item(anchor(link.label, link.url)));
  const say = (text) => {
    find(".outcome").hidden = false;
    find(".outcome").textContent = text;
  };
  for (const suggestion of card.suggestions ?? []) find(".actions").append(suggestionButton(suggestion, accept, say));
  find(".actions").append(overrideForm(card, override, say, element));
  return element;
}

/** Return the element that stands in the place of cards when there are none, or when the call failed. */
export function messageElement(kind, title, text) {
  const element = document.createElement("div");
  element.className = `panel ${kind}`;
  const words = document.createElement("div");
  const heading = document.createElement("h3");
  heading.textContent = title;
  const paragraph = document.createElement("p");
  paragraph.className = "muted";
  paragraph.textContent = text;
  words.append(heading, paragraph);
  element.append(icon(kind === "all-clear" ? "good" : "critical"), words);
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("width", "24");
  svg.setAttribute("height", "24");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

function anchor(label, url) {
  if (!WEB.test(url ?? "")) return document.createTextNode(label);
  const element = document.createElement("a");
  Object.assign(element, { href: url, textContent: label, target: "_blank", rel: "noopener noreferrer" });
  return element;
}

function item(child) {
  const element = document.createElement("li");
  element.append(child);
  return element;
}

function source({ label, url, topic }) {
  const parts = ["Source: ", anchor(label, url)];
  if (topic) parts.push(` · ${topic.code}`);
  return parts;
}

function suggestionButton(suggestion, accept, say) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button-primary";
  button.textContent = suggestion.label;
  button.addEventListener("click", async () => {
    button.disabled = true;
    say(`Accepted. ${await accept(suggestion)}`);
  });
  return button;
}

function overrideForm(card, override, say, element) {
  const details = document.querySelector("#override-template").content.firstElementChild.cloneNode(true);
  const form = details.querySelector("form");
  const reasons = card.overrideReasons ?? [];
  details.querySelector("fieldset").hidden = !reasons.length;
  reasons.forEach((reason, index) => {
    const label = document.createElement("label");
    label.className = "choice";
    const radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "reason", value: String(index), required: true });
    label.append(radio, ` ${reason.display}`);
    form.querySelector(".reasons").append(label);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const reason = reasons[Number(form.elements.reason?.value)];
    const answer = await override(reason, form.elements.comment.value.trim());
    say(`Overridden${reason ? `: ${reason.display}` : ""}. ${answer}`);
    element.classList.add("overridden");
    element.querySelector(".more").open = false;
    details.remove();
    const outcome = element.querySelector(".outcome");
    outcome.tabIndex = -1;
    outcome.focus();
  });
  return details;
}
