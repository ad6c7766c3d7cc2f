"""Training sets: from a request to SQL, a frame, a file, a table or a dbt model."""
