"""The catalog inside dbt docs: an overview of all features, and a block for each view's page.

The text depends only on the definitions, not on a target or a warehouse. So the file is the same on
every machine, and `docs --check` can compare it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from featurestore.catalog.snippets import newest_rows_sql, training_command, use_snippet
from featurestore.registry.definitions import Entity, FeatureService, FeatureView
from featurestore.registry.registry import Registry
from featurestore.registry.view_meta import HOW_TO_USE
from featurestore.values.durations import format_duration

__all__ = ["MARK", "block_name", "catalog_markdown", "counted", "how_to_use"]

MARK = "<!-- Written by `featurestore docs`: change the models' yml instead, and run it again. -->"
"""The first line of a written file, which identifies it."""

_MOST_WITH_CODE = 200
"""dbt reads every block whenever it parses: in a project with more views, blocks have no code."""


def catalog_markdown(registry: Registry, *, overview: bool = True) -> str:
    """Return the docs blocks of a project.

    Args:
        registry: The project's definitions.
        overview: Whether to include the block for the first page of dbt docs.
    """
    blocks = [_block("__overview__", _overview(registry))] if overview else []
    blocks += [
        _block(block_name(view), how_to_use(registry, view))
        for view in registry.feature_views.values()
    ]
    return "\n\n".join([MARK, *blocks]) + "\n"


def block_name(view: FeatureView) -> str:
    """Return the name of a view's block, for `{{ doc('...') }}` in its description."""
    return re.sub(r"\W", "_", f"{view.name}__how_to_use")


def _block(name: str, text: str) -> str:
    return f"{{% docs {name} %}}\n{text}\n{{% enddocs %}}"


def _overview(registry: Registry) -> str:
    views, services = registry.feature_views.values(), registry.feature_services.values()
    count = sum(len(view.features) for view in views)
    parts = [
        f"# Features of {_plain(registry.project)}",
        (
            f"{counted(count, 'feature')} in {counted(len(views), 'view')}, used by"
            f" {counted(len(services), 'feature service')}."
            " A view's page says how to use it; the graph shows where its data is from."
        ),
        "## Feature views",
        _table(
            ("view", "describes", "features", "ttl", "owner", "description"),
            (_view_row(view) for view in views),
        ),
    ]
    if services:
        parts += [
            "## Feature services",
            _table(
                ("service", "features", "of", "owner", "description"),
                (_service_row(registry, service) for service in services),
            ),
        ]
    computed = [row for service in services for row in _computed_rows(service)]
    if computed:
        head = ("service", "feature", "expression", "description")
        parts += ["## Request-time features", _table(head, computed)]
    return "\n\n".join(parts)


def _view_row(view: FeatureView) -> tuple[str, ...]:
    return (
        _link(view.name, view.unique_id),
        ", ".join(_plain(entity.name) for entity in view.entities) or "everything",
        str(len(view.features)),
        "" if view.ttl is None else format_duration(view.ttl),
        _plain(view.owner),
        _plain(_first_sentence(view.description)),
    )


def _computed_rows(service: FeatureService) -> Iterator[tuple[str, ...]]:
    for feature in service.on_demand:
        yield (
            _link(service.name, service.unique_id),
            f"`{_plain(feature.name)}`",
            _plain(feature.text),
            _plain(_first_sentence(feature.description)),
        )


def _service_row(registry: Registry, service: FeatureService) -> tuple[str, ...]:
    views = dict.fromkeys(member.view for member in service.members)
    return (
        _link(service.name, service.unique_id),
        str(sum(len(member.features) for member in service.members) + len(service.on_demand)),
        ", ".join(_link(name, registry.view(name).unique_id) for name in views),
        _plain(service.owner),
        _plain(_first_sentence(service.description)),
    )


def how_to_use(registry: Registry, view: FeatureView) -> str:
    """Return the text about the use of a view; with code to copy if the project has few views."""
    users = registry.services_using(view.name)
    facts = [(name, text) for name, text in _facts(view, users) if text]
    has_code = len(registry.feature_views) <= _MOST_WITH_CODE
    code = _code_to_copy(registry, view) if has_code else []
    return "\n\n".join([HOW_TO_USE, _table(("fact", "value"), facts), *code])


def _code_to_copy(registry: Registry, view: FeatureView) -> list[str]:
    first = [feature for feature in view.features if not feature.pii][:1] or view.features[:1]
    ref = f"{{% raw %}}{{{{ ref('{_ref(view, registry.project)}') }}}}{{% endraw %}}"
    newest = newest_rows_sql(view, first, "$source", registry.dialect)
    return [
        _code("python", _bare(use_snippet(view, first, registry.dialect))),
        "The newest row of each entity, and the statement of a training set:",
        _code("sql", _bare(newest).replace("$source", ref)),
        _code("console", _bare(f"$ {training_command(view)}")),
    ]


def _facts(view: FeatureView, users: Sequence[FeatureService]) -> Iterator[tuple[str, str]]:
    yield "entities", ", ".join(map(_entity, view.entities)) or "none: one row for all"
    yield "event timestamp", f"`{_plain(view.event_timestamp.name)}`"
    yield "valid until", f"`{_plain(view.valid_until.name)}`" if view.valid_until else ""
    yield "known after", format_duration(view.available_after) if view.available_after else ""
    yield "ttl", "any age" if view.ttl is None else format_duration(view.ttl)
    yield "online", "yes" if view.online else "no"
    yield "owner", _plain(view.owner)
    yield "tags", ", ".join(map(_plain, view.tags))
    yield (
        "personal data",
        ", ".join(f"`{_plain(feature.name)}`" for feature in view.features if feature.pii),
    )
    yield (
        "defaults",
        ", ".join(
            f"`{_plain(feature.name)}` {_plain(json.dumps(feature.default, ensure_ascii=False))}"
            for feature in view.features
            if feature.default is not None
        ),
    )
    yield "used by", ", ".join(_link(service.name, service.unique_id) for service in users)


def _entity(entity: Entity) -> str:
    keys = ", ".join(f"`{_plain(key.name)}`" for key in entity.join_keys)
    return f"{_plain(entity.name)} by {keys}"


def _ref(view: FeatureView, project: str) -> str:
    """Return the arguments of `ref()`: another package's name first, and a version last."""
    # `model.<package>.<name>`; an id of another form, by some other tool, is of this project.
    _, package, name = f"{view.unique_id}..".split(".", 2)
    name = view.name if not name.strip(".") or package == project else f"{package}', '{view.name}"
    if not view.version:
        return name
    return f"{name.removesuffix(f'.v{view.version}')}', v='{view.version}"


def _link(name: str, unique_id: str) -> str:
    kind = unique_id.partition(".")[0]
    return f"[{_plain(name)}](#!/{kind}/{unique_id})"


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "view"), counted(1200, "feature")
    ('1 view', '1,200 features')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _first_sentence(text: str) -> str:
    """Return the first sentence, at most the first paragraph.

    >>> _first_sentence("Recent reliability of one aircraft. Windows end at the landing.")
    'Recent reliability of one aircraft.'
    """
    sentence, stop, _ = text.partition("\n\n")[0].replace("\n", " ").partition(". ")
    return f"{sentence}." if stop else sentence


def _plain(text: str) -> str:
    """Return text escaped for a table's cell in Markdown, HTML and Jinja.

    >>> _plain("a | {{ b }} <i>")
    'a &#124; &#123;&#123; b }} &lt;i>'
    """
    marks = {"&": "&amp;", "<": "&lt;", "|": "&#124;", "{": "&#123;", "[": "&#91;", "\n": " "}
    return "".join(marks.get(letter, letter) for letter in text)


def _bare(code: str) -> str:
    """Return code escaped for Jinja.

    >>> _bare("[{'a': 1}]"), _bare("{{ b }}")
    ("[{'a': 1}]", '{% raw %}{{{% endraw %} b }}')
    """
    return re.sub(r"\{[{%#]", lambda found: f"{{% raw %}}{found[0]}{{% endraw %}}", code)
