"""CDS Hooks wire format: requests in, services, cards and feedback out."""
