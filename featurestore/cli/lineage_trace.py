"""The way of a feature back to its raw columns, as `lineage` writes it: a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featurestore.cli.output import stdout
from featurestore.values.visible_text import visible

if TYPE_CHECKING:
    from rich.tree import Tree

    from featurestore.lineage.graph import LineageGraph
    from featurestore.lineage.traces import Trace
    from featurestore.lineage.tree import Branch

__all__ = ["print_trace"]


def print_trace(graph: LineageGraph, trace: Trace, *, indirect: bool) -> None:
    """Write one tree per feature."""
    from rich.text import Text

    from featurestore.lineage.tree import upstream_tree

    for feature, column in trace.columns.items():
        branch = upstream_tree(graph, column, indirect=indirect)
        branch.label, branch.notes = f"{trace.owner}:{feature}", (trace.kinds[feature],)
        tree = _rich_tree(branch)
        for service in trace.services[column]:
            tree.add(Text.assemble(("used by ", "dim"), visible(service), (" service", "dim")))
        stdout.print(tree)


def _rich_tree(branch: Branch) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    def line(one: Branch) -> Text:
        notes = (("  " + ", ".join(one.notes), "dim"),) if one.notes else ()
        warning = (("  " + one.warning, "yellow"),) if one.warning else ()
        return Text.assemble(visible(one.label), *notes, *warning)

    tree = Tree(line(branch), guide_style="dim")
    waiting = [(tree, branch)]
    while waiting:
        parent, one = waiting.pop()
        waiting += [(parent.add(line(below)), below) for below in one.branches]
    return tree
