"""The table of forms: whatever is not in it is refused."""

from __future__ import annotations

from sqlglot import exp

from featurestore.request_time.form import Form
from featurestore.request_time.forms import (
    cases,
    casts,
    choices,
    comparisons,
    decimals,
    floats,
    instants,
    integers,
    logic,
    mathematics,
    rounding,
    text,
)

__all__ = ["FORMS", "FORMS_OF"]

FORMS: tuple[Form, ...] = (
    *logic.FORMS,
    *comparisons.FORMS,
    *choices.FORMS,
    *cases.FORMS,
    *integers.FORMS,
    *decimals.FORMS,
    *floats.FORMS,
    *rounding.FORMS,
    *mathematics.FORMS,
    *casts.FORMS,
    *text.FORMS,
    *instants.FORMS,
)
"""Every form, in the order in which they are tried and documented."""

FORMS_OF: dict[type[exp.Expr], list[Form]] = {}
"""The forms of each sqlglot node."""
for _form in FORMS:
    FORMS_OF.setdefault(_form.node, []).append(_form)
