"""`countersign audit roles`: who may do what with the log in PostgreSQL."""

from __future__ import annotations

import click

from app.cli.shared import console, settings

OTHER_TABLES = {
    "alembic_version": "SELECT",
    "api_key": "SELECT, INSERT, UPDATE (revoked, seal)",
    "kill_switch": "SELECT, INSERT, UPDATE (off, reason, actor, changed, seal)",
    "reveal_taken": "SELECT, INSERT",
    "conversation": "SELECT, INSERT, UPDATE (pseudonyms)",
    "conversation_turn": "SELECT, INSERT",
    "library_generation": "SELECT, INSERT, DELETE",
    "library_piece": "SELECT, INSERT, DELETE",
}
"""What the service does with its own tables beside the log's."""


@click.command()
@click.option("--service-role", default=None, metavar="NAME", help="The role that the service logs in with.")
@click.option("--reader-role", default=None, metavar="NAME", help="A role that may verify and export, and nothing else.")
@click.option("--url", default=None, help="The database as its owner; default: the configured one.")
@click.option("--schema", default="public", show_default=True)
@click.option("--apply", "apply_", is_flag=True, help="Migrate and run the statements; without it they are printed.")
def roles(service_role: str | None, reader_role: str | None, url: str | None, schema: str, apply_: bool) -> None:
    """Prints the grants of the roles, or runs them as the tables' owner. Without a role: checks the configured one.

    The roles must exist (CREATE ROLE countersign_service LOGIN …). The service then needs no right to create anything.

    \b
    countersign audit roles --service-role countersign_service
    countersign audit roles --service-role countersign_service --url postgresql+psycopg://owner@db/countersign --apply
    countersign audit roles
    """
    from audit.database.engine import create_engine_for
    from audit.database.roles import problems, reader_statements, service_statements

    address = url or settings().url
    if not address.startswith("postgresql"):
        raise click.ClickException("roles are PostgreSQL's: on SQLite, who may write the file is who may write the log")
    statements = service_statements(service_role, schema, OTHER_TABLES) if service_role else []
    statements += reader_statements(reader_role, schema) if reader_role else []
    if statements and not apply_:
        for statement in statements:
            click.echo(f"{statement};")
        return
    if apply_:
        from migrations.run import upgrade

        upgrade(address)
    engine = create_engine_for(address)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        found = [] if statements else problems(engine)
    finally:
        engine.dispose()
    for problem in found:
        console().print(f"[red]{problem}[/]")
    if found:
        raise click.exceptions.Exit(1)
    granted = ", ".join(filter(None, (service_role, reader_role)))
    console().print(f"granted to {granted}" if statements else "the role may append and read, and no more")
