"""The dbt project as dbt describes it: project file, profile, manifest and catalog.json."""
