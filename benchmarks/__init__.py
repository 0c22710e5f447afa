"""How fast the service is, as ratios to an empty endpoint, and how it bears hours of load with faults."""
