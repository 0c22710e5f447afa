// The playground plays the EHR: it signs the draft orders, draws the cards, and reports what was done with them.

import { cardElement, messageElement } from "./cards.js";
import { showExchange, size } from "./json_view.js";
import { OrderForm } from "./order_form.js";
import { applyActions } from "./orders.js";

const data = JSON.parse(document.querySelector("#playground-data").textContent);
const form = document.querySelector("#ordering");
const signButton = document.querySelector("#sign");
const cards = document.querySelector("#cards");
const orders = new OrderForm(data, () => say("The orders have changed. Send them again to check them."));

function say(text) {
  document.querySelector("#status").textContent = text;
}

async function post(url, body) {
  const text = JSON.stringify(body);
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const started = performance.now();
  const response = await fetch(url, { method: "POST", headers, body: text });
  const answer = await response.json();
  return { status: response.status, ok: response.ok, answer, milliseconds: performance.now() - started, text };
}

function wish() {
  const fields = new FormData(form);
  return { profile: fields.get("profile"), hook: fields.get("hook"), prefetch: fields.has("prefetch") };
}

function nameButton() {
  signButton.textContent = wish().hook === "order-sign" ? "Sign orders" : "Check selection";
}

async function sign() {
  const { profile, hook, prefetch } = wish();
  const url = data.services[profile][hook];
  cards.setAttribute("aria-busy", "true");
  signButton.disabled = true;
  say("Waiting for the service…");
  try {
    const body = { patient: data.patient, hook, prefetch, orders: orders.orders };
    const prepared = await post("request", body);
    if (!prepared.ok) throw new Error("the request could not be put together");
    const call = await post(url, prepared.answer);
    showExchange("request", prepared.answer, `POST ${url}, ${size(call.text)}`);
    showExchange("response", call.answer, `${call.status}, ${call.milliseconds.toFixed(0)} ms`);
    await showFhirRequests();
    if (call.ok) await showCards(call.answer.cards, url, call.milliseconds);
    else showFailure(call);
  } catch (error) {
    cards.replaceChildren(messageElement("failure", "The call failed", String(error.message ?? error)));
    say("The call failed.");
  } finally {
    cards.removeAttribute("aria-busy");
    signButton.disabled = false;
    signButton.focus({ preventScroll: true });
    bringIntoView();
  }
}

async function showCards(list, url, milliseconds) {
  const { answer } = await post("details", { details: list.map((card) => card.detail ?? "") });
  const elements = list.map((card, index) =>
    cardElement(card, answer.details[index], {
      accept: (suggestion) => accept(card, suggestion, url),
      override: (reason, comment) => override(card, reason, comment, url),
    }),
  );
  if (!list.length) {
    elements.push(messageElement("all-clear", "No cards", "The service has nothing to say about these orders."));
  }
  cards.replaceChildren(...elements);
  say(`${count(list)} in ${milliseconds.toFixed(0)} ms.`);
}

function count(list) {
  if (!list.length) return "No cards";
  const kinds = ["critical", "warning", "info"]
    .map((kind) => [list.filter((card) => card.indicator === kind).length, kind])
    .filter(([number]) => number);
  return `${list.length === 1 ? "1 card" : `${list.length} cards`}: ${kinds.map((one) => one.join(" ")).join(", ")},`;
}

function showFailure({ status, answer }) {
  const text = answer.issue?.map((issue) => issue.diagnostics ?? issue.code).join(" ") ?? "";
  cards.replaceChildren(messageElement("failure", `The service answered ${status}`, text));
  say(`The service answered ${status}.`);
}

async function showFhirRequests() {
  const { requests } = await (await fetch("fhir-requests")).json();
  const none = "None: everything came with the call.";
  showExchange("fhir", requests.join("\n") || none, `${requests.length}`);
}

async function accept(card, suggestion, url) {
  const result = applyActions(orders.orders, suggestion.actions ?? [], () => orders.newId());
  orders.show(result.orders, result.changed);
  const answer = await report(url, {
    card: card.uuid,
    outcome: "accepted",
    acceptedSuggestions: [{ id: suggestion.uuid }],
  });
  say("The orders have changed. Send them again to check them.");
  return answer;
}

async function override(card, reason, comment, url) {
  const overrideReason = {};
  if (reason) overrideReason.reason = { code: reason.code, system: reason.system };
  if (comment) overrideReason.userComment = comment;
  const feedback = { card: card.uuid, outcome: "overridden" };
  return report(url, Object.keys(overrideReason).length ? { ...feedback, overrideReason } : feedback);
}

/** Send feedback, show it, and say in words whether it arrived. */
async function report(url, feedback) {
  const body = { feedback: [{ ...feedback, outcomeTimestamp: new Date().toISOString() }] };
  try {
    const { status, ok } = await post(`${url}/feedback`, body);
    showExchange("feedback", body, `POST ${url}/feedback, ${status}`);
    return ok ? "Feedback was sent." : `Feedback was refused with ${status}.`;
  } catch {
    return "Feedback did not arrive.";
  }
}

/** On a narrow screen the cards come below the orders, out of sight. */
function bringIntoView() {
  const heading = document.querySelector("#decision-title");
  if (heading.getBoundingClientRect().top > window.innerHeight * 0.7) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    heading.scrollIntoView({ behavior: calm ? "auto" : "smooth" });
  }
}

document.querySelector(".worklist").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.currentTarget.open = false;
  event.currentTarget.querySelector("summary").focus();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  sign();
});
form.addEventListener("change", nameButton);
nameButton();
