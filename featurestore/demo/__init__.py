"""The example on real data: its dbt project, its raw files, and a server to publish to."""
