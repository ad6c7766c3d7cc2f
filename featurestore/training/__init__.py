"""Training sets: from a request to SQL, a data frame, a file, a table or a dbt model."""
