"""Embedded FHIR R4 server with invented patients, for the demonstration and for tests.

No library on PyPI serves FHIR R4 search in-process: `fhirstarter` routes requests but leaves searching to its user,
and the complete servers are other programs that need Java or PostgreSQL; hence the small server here.

Nothing in here is a real person. Each patient is one file in `patients/`, written so that a pharmacist can read it:
`patient_file.py` says what such a file may contain, `catalogue.yaml` what its names for tests, drugs and diseases
mean. Everything the names cannot say stands in the file as plain FHIR, under `resources`.

Dates are relative, so that a demonstration is as good next year as today. A string that begins with `@` is counted
from the moment of loading, in UTC:

| written | means | precision |
|---|---|---|
| `@now` | this moment | dateTime |
| `@-5h` | five hours ago | dateTime |
| `@-3d` | three days ago | date |
| `@-3dT08:30` | three days ago at 08:30 | dateTime |
| `@+20d` | in twenty days | date |
| `@-67y` | 67 years ago today | date |
| `@-67y-40d` | 40 days before that, so a person of 67 | date |
"""
