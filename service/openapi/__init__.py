"""The OpenAPI document: what every endpoint takes and answers, for people and for programs that generate clients."""
