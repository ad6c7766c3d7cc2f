"""What `featurestore init` adds to a dbt project, as steps that are looked at before they are done.

A file of the user's is never rewritten: a step adds lines to it where that is safe, and else says
which lines to add by hand. Each step asks first whether it is done already.
"""

from __future__ import annotations

from featurestore.scaffold.packages import Package, add_package, default_package, read_package
from featurestore.scaffold.steps import Edit, Paste, Step
from featurestore.scaffold.view import Tag, columns_of_table, model_names, tag_model

__all__ = [
    "Edit",
    "Package",
    "Paste",
    "Step",
    "Tag",
    "add_package",
    "columns_of_table",
    "default_package",
    "model_names",
    "read_package",
    "tag_model",
]
