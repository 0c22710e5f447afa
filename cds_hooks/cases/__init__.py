"""Readable clinical cases (YAML) and the code that turns one into FHIR resources."""
