"""Request-time features: one SQL expression, inlined in training SQL and compiled for serving.

The meaning of an expression is that of the project's warehouse, for the forms of `table.FORMS`.
"""

from featurestore.request_time.compiler import compile_expression
from featurestore.request_time.expression import RequestExpression, parse_expression
from featurestore.request_time.failures import Failed
from featurestore.request_time.inlining import inlined

__all__ = ["Failed", "RequestExpression", "compile_expression", "inlined", "parse_expression"]
