"""From FHIR resources to typed facts about one patient."""
