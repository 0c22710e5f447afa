"""FHIR client: fills the gaps the prefetch left."""
