"""The additions of `featurestore init` to a dbt project, as steps that can be shown first.

A step never rewrites a user's file: it adds lines where that is safe, and otherwise says which
lines to add by hand. A step that is already done is left out.
"""

from __future__ import annotations

from featurestore.scaffold.packages import Package, add_package, default_package, read_package
from featurestore.scaffold.steps import Edit, Paste, Step
from featurestore.scaffold.view import Tag, model_names, tag_model, types_of_table

__all__ = [
    "Edit",
    "Package",
    "Paste",
    "Step",
    "Tag",
    "add_package",
    "default_package",
    "model_names",
    "read_package",
    "tag_model",
    "types_of_table",
]
