"""The sync job: warehouse ▶ what changed ▶ Redis ▶ report."""
