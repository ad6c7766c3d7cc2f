"""`token`: the tokens of the HTTP server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from featurestore.cli.options import AsFormat, Format
from featurestore.cli.output import note, print_json
from featurestore.errors import FeatureStoreError

__all__ = ["TokenAction", "TokenRights", "token_command"]


class TokenAction(StrEnum):
    """The actions on tokens."""

    NEW = "new"


@dataclass(frozen=True)
class TokenRights:
    """What the token may read."""

    services: Annotated[
        list[str] | None,
        typer.Option("--service", metavar="SERVICE", help="A service, or '*'; repeatable."),
    ] = None
    views: Annotated[
        list[str] | None,
        typer.Option("--view", metavar="VIEW", help="A view, or '*'; repeatable."),
    ] = None
    groups: Annotated[
        list[str] | None,
        typer.Option(
            "--group", metavar="GROUP", help="A dbt group, private views included; repeatable."
        ),
    ] = None
    personal: Annotated[bool, typer.Option("--personal", help="Personal data too.")] = False
    operator: Annotated[
        bool, typer.Option("--operator", help="The metrics and the state of the server.")
    ] = False

    def entry(self) -> dict[str, Any]:
        """Return the rights that are given, as an entry of the file has them."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in found.items() if value}


def token_command(
    action: Annotated[TokenAction, typer.Argument(help="`new` makes a token.")],
    name: Annotated[str, typer.Option("--name", help="The caller, as the log names it.")],
    rights: TokenRights,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires-in", metavar="DURATION", help="When it ends, such as '90 days'; never."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Add the entry to this file of tokens."),
    ] = None,
    format_: AsFormat = Format.TABLE,
) -> None:
    """Make a token for the HTTP server.

    The token is printed once, and kept nowhere: the server's file holds its SHA-256. To replace a
    token, make a second one under the same name, and remove the first when nobody uses it.

    Example: featurestore token new --name checkout --service flight_delay --file tokens.yml
    """
    import yaml

    from featurestore.serve.token_file import add_entry
    from featurestore.serve.tokens import hash_of, new_secret

    del action  # there is one
    if not rights.entry():
        raise FeatureStoreError(
            f"The token '{name}' could read nothing.",
            remedy="Name at least one --service, --view or --group, or give --operator.",
        )
    secret = new_secret()
    ends = None if expires is None else _end(expires)
    entry: dict[str, Any] = {"name": name, "sha256": hash_of(secret), **rights.entry()}
    entry |= {"expires": ends} if ends else {}
    if file is not None:
        add_entry(file, entry)
    if format_ is Format.JSON:
        print_json({"token": secret, "entry": entry})
        return
    typer.echo(secret)
    if file is None:
        note("Add this to the file of `featurestore serve --tokens`. It is not shown again.")
        typer.echo(yaml.safe_dump([entry], sort_keys=False), nl=False)
    else:
        note(f"Added '{name}' to {file}. The token is not shown again.")


def _end(text: str) -> str:
    from featurestore.values.durations import parse_duration

    try:
        length = parse_duration(text)
    except ValueError as error:
        raise FeatureStoreError(
            f"--expires-in {text}: {error}", remedy="Write '90 days'."
        ) from None
    return (datetime.now(UTC) + length).strftime("%Y-%m-%dT%H:%M:%SZ")
