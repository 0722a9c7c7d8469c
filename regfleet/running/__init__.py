"""Running a study: prepared, planned, sent to a fleet, kept, and reported."""
