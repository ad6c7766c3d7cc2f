"""The catalog: what dbt docs shows of the features, and one page of its own to search them."""
