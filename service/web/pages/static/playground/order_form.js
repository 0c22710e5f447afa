// The form fields of the draft orders.

import { drugName, newOrder, readOrder, writeField } from "./orders.js";

/** Shows the draft orders as form fields and keeps both the same. */
export class OrderForm {
  #list = document.querySelector("#orders");
  #template = document.querySelector("#order-template");
  #patient;
  #drugs;
  #onChange;
  #created = 0;

  constructor({ patient, orders, drugs }, onChange) {
    this.#patient = patient;
    this.#drugs = drugs;
    this.#onChange = onChange;
    this.show(orders);
    document.querySelector("#add-order").addEventListener("click", () => this.#add());
  }

  /** Show other orders; those with ids in `changed` are marked. */
  show(orders, changed = []) {
    this.orders = structuredClone(orders);
    this.#list.replaceChildren(...this.orders.map((order, index) => this.#fields(order, index, changed)));
    if (!orders.length) {
      const empty = document.createElement("p");
      empty.className = "panel no-orders";
      empty.textContent = "No draft order is left.";
      this.#list.append(empty);
    }
  }

  newId() {
    this.#created += 1;
    return `playground-${this.#created}`;
  }

  #add() {
    this.#created += 1;
    this.show([...this.orders, newOrder(this.#patient, this.#created, this.#drugs[0])]);
    this.#list.lastElementChild.open = true;
    this.#list.lastElementChild.querySelector("select").focus();
    this.#onChange();
  }

  #fields(order, index, changed) {
    const element = this.#template.content.firstElementChild.cloneNode(true);
    const isChanged = changed.includes(order.id);
    element.open = index === 0 || isChanged;
    element.classList.toggle("changed", isChanged);
    element.dataset.order = order.id;
    element.querySelector(".order-fields").setAttribute("aria-label", `Order ${index + 1}`);
    element.querySelector("[data-remove]").addEventListener("click", () => this.#remove(index));
    if (order.resourceType === "MedicationRequest") {
      this.#fillDrugs(element.querySelector("[name=drug]"), order);
      this.#fill(element, order);
      element.addEventListener("change", (event) => this.#change(element, order, event.target));
    } else {
      element.querySelector(".order-fields").remove();
      element.querySelector(".order-name").textContent = drugName(order);
      element.querySelector(".order-line").textContent = `${order.resourceType}, ${order.status}`;
    }
    return element;
  }

  #fillDrugs(select, order) {
    const drafted = readOrder(order, this.#drugs).drug;
    if (drafted === "") select.append(new Option(`${drugName(order)} (as drafted)`, ""));
    this.#drugs.forEach((drug, index) => select.append(new Option(drug.name, String(index))));
  }

  #fill(element, order) {
    const values = readOrder(order, this.#drugs);
    for (const [name, value] of Object.entries(values)) {
      const field = element.querySelector(`[name=${name}]`);
      if (name === "every" && ![...field.options].some((option) => option.value === value)) {
        field.append(new Option(`every ${value}`, value));
      }
      field.value = value;
    }
    element.querySelector(".order-name").textContent = drugName(order);
    element.querySelector(".order-line").textContent = inOneLine(values);
  }

  #change(element, order, field) {
    if (!field.checkValidity()) {
      field.reportValidity();
      return;
    }
    writeField(order, field.name, field.value, this.#drugs);
    this.#fill(element, order);
    this.#onChange();
  }

  #remove(index) {
    this.show(this.orders.filter((_, position) => position !== index));
    document.querySelector("#add-order").focus();
    this.#onChange();
  }
}

function inOneLine({ dose, supply, refills, directions }) {
  const parts = [directions || (dose === "" ? "no dose yet" : `${dose} mg`)];
  if (supply !== "") parts.push(`${supply} days' supply`);
  if (refills !== "") parts.push(`${refills} refills`);
  return parts.join(" · ");
}
