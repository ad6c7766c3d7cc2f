"""Write the changes as Markdown, for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.impact.changes import Change, Effect

__all__ = ["as_markdown", "describe_change", "headline"]

_TITLES = {
    Effect.BREAKING: "Breaking",
    Effect.BEHAVIOUR: "Values change",
    Effect.SAFE: "Safe",
}
_COLUMNS = ("what", "change", "services", "owners", "online keys")


def headline(changes: Sequence[Change]) -> str:
    """Return the number of changes of each effect in a line.

    >>> headline([Change("view added", "a"), Change("view removed", "b")])
    '1 breaking, 1 safe'
    """
    counts = {effect: sum(change.effect is effect for change in changes) for effect in Effect}
    return ", ".join(f"{n} {effect}" for effect, n in counts.items() if n) or "no change"


def describe_change(change: Change) -> str:
    """Return a change in words, without its subject.

    >>> describe_change(Change("ttl changed", "a", "30 days", "7 days"))
    'ttl changed: 30 days → 7 days'
    """
    if change.before and change.after:
        detail = f": {change.before} → {change.after}"
    else:
        detail = f": {change.before or change.after}" if change.before or change.after else ""
    listed = f": {', '.join(change.features)}" if len(change.features) > 1 else ""
    note = f" ({change.note})" if change.note else ""
    return f"{change.kind}{detail}{listed}{note}"


def as_markdown(changes: Sequence[Change]) -> str:
    """Return the changes as Markdown, breaking ones first and safe ones folded."""
    if not changes:
        return "### Features\n\nNo feature, key or service changes.\n"
    parts = [f"### Features: {headline(changes)}"]
    for effect, title in _TITLES.items():
        listed = [change for change in changes if change.effect is effect]
        if listed:
            table = _table(listed)
            folded = effect is Effect.SAFE
            parts.append(
                _folded(title, table, len(listed)) if folded else f"**{title}**\n\n{table}"
            )
    return "\n\n".join(parts) + "\n"


def _folded(title: str, table: str, count: int) -> str:
    return f"<details><summary>{title} ({count})</summary>\n\n{table}\n\n</details>"


def _table(changes: Sequence[Change]) -> str:
    rows = [
        (
            f"`{change.subject}`",
            _cell(describe_change(change)),
            ", ".join(f"`{name}`" for name in change.services),
            _cell(", ".join(change.owners)),
            f"`{change.online_keys}*`" if change.online_keys else "",
        )
        for change in changes
    ]
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Escape the marks of tables and formats."""
    for mark in "\\|*_<`":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")
