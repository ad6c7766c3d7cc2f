"""The catalog: text blocks for dbt docs, and one searchable page of HTML."""
