"""The sync job: reads the warehouse, finds what changed, publishes it to Redis, and reports."""
