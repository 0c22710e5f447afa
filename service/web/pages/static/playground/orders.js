// A draft order between its two shapes: the FHIR MedicationRequest that is sent, and the fields of the form.

const UCUM = "http://unitsofmeasure.org";
const RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm";
const SCHEDULES = { "1 d": "once daily", "2 d": "every other day", "1 wk": "once a week", "3 wk": "every 3 weeks" };
const OF_THE_DOSE = new Set(["drug", "dose", "every", "days"]);

const quantity = (value, unit) => ({ value, unit, system: UCUM, code: unit });

/** Return the name of what an order orders. */
export function drugName(order) {
  const concept = order.medicationCodeableConcept ?? order.code ?? {};
  const coding = concept.coding?.[0] ?? {};
  return concept.text ?? coding.display ?? order.medicationReference?.display ?? coding.code ?? "no drug chosen";
}

/** Return the values of the form fields for an order; `drug` is the index in `drugs`, "" when it is none of them. */
export function readOrder(order, drugs) {
  const codes = (order.medicationCodeableConcept?.coding ?? []).filter((one) => one.system === RXNORM);
  const drug = drugs.findIndex((one) => codes.some((code) => code.code === one.concept.coding[0].code));
  const dosage = order.dosageInstruction?.[0] ?? {};
  const rows = dosage.doseAndRate ?? [];
  const row = rows.find((one) => one.type?.text === "ordered") ?? rows[0];
  const dose = row?.doseQuantity ?? {};
  const repeat = dosage.timing?.repeat ?? {};
  const dispense = order.dispenseRequest ?? {};
  return {
    drug: drug < 0 ? "" : String(drug),
    dose: (dose.code ?? dose.unit) === "mg" ? dose.value : "",
    every: repeat.period && repeat.frequency === 1 ? `${repeat.period} ${repeat.periodUnit}` : "",
    days: repeat.boundsDuration?.value ?? "",
    quantity: dispense.quantity?.value ?? "",
    supply: dispense.expectedSupplyDuration?.value ?? "",
    refills: dispense.numberOfRepeatsAllowed ?? "",
    directions: dosage.text ?? "",
  };
}

/** Change one field of an order in place. What the field does not touch stays as the EHR wrote it. */
export function writeField(order, name, value, drugs) {
  if (name === "drug") {
    chooseDrug(order, drugs[Number(value)]);
  } else if (name === "directions") {
    setOrDelete(dosageOf(order), "text", value);
  } else if (OF_THE_DOSE.has(name)) {
    writeDose(dosageOf(order), name, value);
  } else {
    writeDispense(order, name, value);
  }
  if (OF_THE_DOSE.has(name)) {
    setOrDelete(dosageOf(order), "text", directions(readOrder(order, drugs)));
  }
  tidy(order);
}

function chooseDrug(order, drug) {
  if (!drug) return;
  order.medicationCodeableConcept = structuredClone(drug.concept);
  delete order.medicationReference;
  if (drug.mg && order.dosageInstruction?.[0]?.doseAndRate) {
    writeDose(dosageOf(order), "dose", String(drug.mg));
  }
}

function writeDose(dosage, name, value) {
  if (name === "dose") {
    setOrDelete(dosage, "doseAndRate", value && [{ doseQuantity: quantity(Number(value), "mg") }]);
    return;
  }
  const timing = (dosage.timing ??= {});
  const repeat = (timing.repeat ??= {});
  delete timing.code;
  if (name === "days") {
    setOrDelete(repeat, "boundsDuration", value && quantity(Number(value), "d"));
  } else if (value) {
    const [period, unit] = value.split(" ");
    Object.assign(repeat, { frequency: 1, period: Number(period), periodUnit: unit });
  } else {
    for (const key of ["frequency", "period", "periodUnit"]) delete repeat[key];
  }
}

function writeDispense(order, name, value) {
  const dispense = (order.dispenseRequest ??= {});
  const number = value === "" ? "" : Number(value);
  if (name === "quantity") {
    const unit = dispense.quantity?.unit ?? "capsule";
    setOrDelete(dispense, "quantity", number !== "" && { value: number, unit });
  } else if (name === "supply") {
    setOrDelete(dispense, "expectedSupplyDuration", number !== "" && quantity(number, "d"));
  } else {
    setOrDelete(dispense, "numberOfRepeatsAllowed", number === "" ? false : number);
  }
}

function dosageOf(order) {
  return ((order.dosageInstruction ??= [{}])[0] ??= {});
}

function setOrDelete(object, key, value) {
  if (value === "" || value === false || value === undefined) delete object[key];
  else object[key] = value;
}

/** FHIR knows no empty objects. */
function tidy(order) {
  const dosage = order.dosageInstruction?.[0];
  if (dosage?.timing?.repeat && !Object.keys(dosage.timing.repeat).length) delete dosage.timing.repeat;
  if (dosage?.timing && !Object.keys(dosage.timing).length) delete dosage.timing;
  if (dosage && !Object.keys(dosage).length) delete order.dosageInstruction;
  if (order.dispenseRequest && !Object.keys(order.dispenseRequest).length) delete order.dispenseRequest;
}

/** Return the directions in words for the structured fields, so that the two never say different things. */
function directions({ dose, every, days }) {
  if (dose === "" && !every) return "";
  const words = ["Take", dose === "" ? "" : `${dose} mg`, "by mouth", SCHEDULES[every] ?? ""];
  if (days !== "") words.push(Number(days) === 28 ? "on days 1 to 28" : `on days 1 to ${days} of each 28-day cycle`);
  return words.filter(Boolean).join(" ");
}

/** Return a new draft order of a patient. */
export function newOrder(patient, number, drug) {
  const order = {
    resourceType: "MedicationRequest",
    id: `playground-${number}`,
    status: "draft",
    intent: "order",
    subject: { reference: `Patient/${patient}` },
  };
  chooseDrug(order, drug);
  return order;
}

/**
 * Return the orders after the actions of an accepted suggestion, and the ids of those that changed.
 * A created resource gets an id, since an EHR would give it one.
 */
export function applyActions(orders, actions, newId) {
  const changed = [];
  let after = orders;
  for (const action of actions) {
    if (action.type === "create") {
      const resource = { id: newId(), ...action.resource };
      after = [...after, resource];
      changed.push(resource.id);
    } else if (action.type === "update") {
      after = after.map((one) => (one.id === action.resource.id ? action.resource : one));
      changed.push(action.resource.id);
    } else if (action.type === "delete") {
      after = after.filter((one) => `${one.resourceType}/${one.id}` !== action.resourceId);
    }
  }
  return { orders: after, changed };
}
