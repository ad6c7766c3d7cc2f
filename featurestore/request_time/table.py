"""The table of forms: a form that is not in it is refused."""

from __future__ import annotations

from sqlglot import exp

from featurestore.request_time.form import Form
from featurestore.request_time.forms import (
    cases,
    casts,
    choices,
    comparisons,
    dates_and_times,
    decimals,
    floats,
    integers,
    logic,
    mathematics,
    rounding,
    text,
)

__all__ = ["FORMS", "FORMS_OF"]

FORMS: tuple[Form, ...] = (
    *logic.LOGIC_FORMS,
    *comparisons.COMPARISON_FORMS,
    *choices.CHOICE_FORMS,
    *cases.CASE_FORMS,
    *integers.INTEGER_FORMS,
    *decimals.DECIMAL_FORMS,
    *floats.FLOAT_FORMS,
    *rounding.ROUNDING_FORMS,
    *mathematics.MATHEMATICAL_FORMS,
    *casts.CAST_FORMS,
    *text.TEXT_FORMS,
    *dates_and_times.DATE_FORMS,
)
"""Every form, in the order in which they are tried and documented."""

FORMS_OF: dict[type[exp.Expr], list[Form]] = {}
"""The forms of each sqlglot node."""
for _form in FORMS:
    FORMS_OF.setdefault(_form.node, []).append(_form)
