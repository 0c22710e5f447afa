"""The smallest knowledge folder that loads, so that tests of the loader break one thing at a time."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "sources.yaml": """\
documents:
  label: {title: Label, revision: "2021-10", url: "https://label.example/"}
  design: {title: Design of this project, revision: "2026-11"}
""",
    "drugs/first.yaml": """\
drugs:
  lenalidomide:
    name: lenalidomide
    classes: [analogue]
    RxNorm:
      - {code: "342369", display: lenalidomide, source: test}
      - {code: "643720", display: lenalidomide 5 MG, source: test, strength_mg: 5}
classes:
  analogue: {name: thalidomide analogue}
""",
    "drugs/second.yaml": """\
drugs:
  warfarin:
    name: warfarin
    RxNorm:
      - {code: "11289", display: warfarin, source: test}
""",
    "code_sets/all.yaml": """\
code_sets:
  multipleMyeloma:
    name: multiple myeloma
    ICD10CM:
      - {code: C90.0, display: Multiple myeloma, source: test}
""",
    "units.yaml": """\
groups:
  mass:
    canonical: mg/dL
    units:
      - {ucum: mg/dL, factor: 1, source: test}
      - {ucum: g/L, factor: 100, source: test, aliases: [g/l]}
""",
    "analytes.yaml": """\
analytes:
  creatinine:
    name: creatinine
    need: chemistry
    kind: quantity
    units: mass
    LOINC:
      - {code: 2160-0, display: Creatinine, source: test}
""",
    "qualitative_results.yaml": """\
positive: {codes: [], texts: [positive]}
negative: {codes: [], texts: [negative]}
indeterminate: {codes: [], texts: [indeterminate]}
""",
    "figures/counts.yaml": """\
figures:
  ancHold:
    meaning: hold below this ANC
    value: 1.0
    unit: 10*9/L
    operator: "<"
    source: {document: label, section: "2.1"}
    strength: label
    verified: false
    statements: [S-01]
""",
    "figures/liver.yaml": """\
figures:
  transaminase:
    meaning: ALT above this multiple
    value: 3
    unit: × ULN
    operator: ">"
    source: {document: design, section: liver}
    strength: design
    verified: true
""",
    "regimens.yaml": """\
bands:
  full: {name: 60 or more, low: 60, source: {document: label, section: "2"}, verified: true}
  reduced: {name: below 60, high: 60, source: {document: label, section: "2"}, verified: true}
profiles:
  mm:
    name: myeloma
    conditions: [multipleMyeloma]
    days_on: 21
    cycle_days: 28
    source: {document: label, section: "2.1"}
    maximum:
      {meaning: most, value: 25, unit: mg/day, operator: "<=", source: {document: label, section: "2"}, strength: label,
       verified: true}
    doses:
      full: {average_mg_per_day: 25, regimen: 25 mg, source: {document: label, section: "2"}, verified: true}
      reduced: {average_mg_per_day: 10, regimen: 10 mg, source: {document: label, section: "2"}, verified: false}
      dialysis: {average_mg_per_day: 5, regimen: 5 mg, source: {document: label, section: "2"}, verified: true}
    count_schedule:
      - {from_day: 0, to_day: 56, max_age_days: 7, source: {document: label, section: "5.3"}, verified: true}
      - {from_day: 56, max_age_days: 28, source: {document: label, section: "5.3"}, verified: true}
unknown_profile:
  name: unknown
  conditions: []
  days_on: 28
  cycle_days: 28
  source: {document: design, section: unknown}
  maximum:
    {meaning: most, value: 25, unit: mg/day, operator: "<=", source: {document: design, section: unknown},
     strength: design, verified: true}
  doses:
    full: {average_mg_per_day: 25, regimen: 25 mg, source: {document: design, section: unknown}, verified: true}
    reduced: {average_mg_per_day: 10, regimen: 10 mg, source: {document: design, section: unknown}, verified: true}
    dialysis: {average_mg_per_day: 5, regimen: 5 mg, source: {document: design, section: unknown}, verified: true}
  count_schedule:
    - {from_day: 0, max_age_days: 7, source: {document: design, section: unknown}, verified: true}
""",
    "scores.yaml": """\
scores:
  simple:
    name: Simple
    version: first
    population: everybody
    source: {document: label, section: score}
    readings:
      table: {name: Table, source: {document: label, section: score}}
    items:
      surgery: {label: surgery, points: 2, source: {document: label, section: score}, verified: true}
    classes:
      - {name: low, high: 1, observed: []}
      - {name: high, low: 2, observed: []}
ancestries: {}
""",
    "topics/counts.yaml": """\
topics:
  neutropenia:
    title: Neutropenia
    guidance: {document: label, section: "2.1"}
    strength: label
    statements: [S-01]
    suppresses: [bloodCount]
    override_reasons: [trial]
    variants:
      hold:
        indicator: critical
        summary: "ANC {value}"
        detail: "ANC {value}, limit {limit}"
  bloodCount:
    title: Blood count due
    guidance: {document: label, section: "5.3"}
    strength: label
    statements: []
    variants:
      overdue: {indicator: warning, summary: count due, detail: count due}
""",
    "topics/liver.yaml": """\
topics:
  hepatotoxicity:
    title: Liver injury
    guidance: {document: label, section: "5.8"}
    strength: label
    statements: [S-02]
    variants:
      raised: {indicator: warning, summary: "{finding}", detail: "{finding}"}
""",
    "orderables.yaml": """\
orderables:
  bloodCount: {label: Order CBC, description: complete blood count}
""",
    "override_reasons.yaml": """\
system: https://reasons.example/
topic_system: https://topics.example/
non_adherence_system: https://non-adherence.example/
common: [benefit]
reasons:
  benefit: {display: benefit outweighs risk, non_adherence_code: patient-preference}
  trial: {display: trial protocol, non_adherence_code: other}
""",
    "counselling.yaml": """\
lines:
  rems:
    when: always
    text: Remember the programme.
    source: {document: label, section: "5.2"}
    verified: false
    statements: [S-02]
""",
    "phrases.yaml": """\
phrases: {headings: {inputs: Seen}, states: {}, problems: {}, sentences: {}}
""",
    "statements.yaml": """\
statements:
  S-01: {text: Counts may fall., source: {document: label, section: boxed warning}}
  S-02:
    text: There is a programme.
    source: {document: label, section: "5.2"}
    basis: {topic: hepatotoxicity, says: finding}
""",
}


def write(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Write the files below `folder`, which is returned."""
    for name, text in (FILES if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
