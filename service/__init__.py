"""Everything with side effects: web, authentication, FHIR client, database, command line."""
