"""``lightning alerts``: whether somebody hears of it."""

from __future__ import annotations

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import HomeOption, JsonOption, command_group, workspace_of

alerts = command_group("alerts", "Messages to whoever is to be told of a breaker, a halt, a failure, the day's end.")


@alerts.command("test")
@guarded
def send_test(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Send a test message to every address; whether it arrived goes on record."""
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.documents import print_document

    delivery = bootstrap.try_alerts(workspace_of(context, home))
    if as_json:
        print_document({"reached": delivery.reached, "of": delivery.of})
        return
    typer.echo(f"{delivery.reached} of {delivery.of} addresses were reached")
