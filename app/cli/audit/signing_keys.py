"""`countersign audit epoch | rotate-key | retire-key`: what keeps the log's signatures worth something over the years."""

from __future__ import annotations

import click

from app.cli.shared import console, settings


@click.command()
@click.argument("log")
@click.option("--reason", required=True, help="What was lost and why; recorded. A case number rather than a name.")
@click.option("--approver", "approvers", multiple=True, required=True, help="Who agrees. Twice, two different people.")
def epoch(log: str, reason: str, approvers: tuple[str, ...]) -> None:
    """Begins the next epoch of a tenant's log after a backup was restored.

    A service whose database is behind its last signed checkpoint does not start. The new epoch's first event quotes that
    checkpoint, so that whoever reads the log sees what was lost.

    \b
    countersign audit epoch halden --reason "disk lost, case 17" --approver a.meyer --approver b.sato
    """
    from app.identity.subjects import Approver
    from app.wiring.key_material import key_encryption_key, open_keys
    from audit.append.store import AuditStore
    from audit.checkpoints.epochs import start_epoch
    from audit.checkpoints.signing_keys import public_keys
    from audit.sealing.subject_keys import SubjectKeys

    if len(approvers) != 2:
        raise click.UsageError("name two people: --approver NAME --approver NAME")
    found = settings()
    engine, ring = open_keys(found)
    subjects = SubjectKeys(found.keys_url, key_encryption_key(found))
    store = AuditStore(engine, subjects)
    try:
        first, second = (ring.pseudonym(log, Approver(name)) for name in approvers)
        keys = public_keys(found.audit_key_path)
        number = start_epoch(engine, store, found.checkpoint_path, keys, log, reason=reason, approvers=(first, second))
    finally:
        store.close()
        subjects.close()
        engine.dispose()
    console().print(f"log {log} is in epoch {number} now; tell its witnesses the new origin: {found.origin_of(log, number)}")


@click.command()
def rotate_key() -> None:
    """Makes a new signing key. The old ones go on signing beside it until `retire-key`, so that verifiers can follow.

    \b
    countersign audit rotate-key      then restart the service and hand the new key to verifiers and witnesses
    """
    from audit.checkpoints.signing_keys import rotate

    found = settings()
    made = rotate(found.audit_key_path, found.audit_origin)
    click.echo(str(made))
    console().print("running services sign with it from their next start; hand it to verifiers and witnesses")


@click.command()
@click.argument("key")
def retire_key(key: str) -> None:
    """Stops a key from signing; what it signed stays good. KEY as `countersign audit keys` prints it.

    \b
    countersign audit retire-key countersign.invalid+0a1b2c3d+AZ…
    """
    from audit.checkpoints.signing_keys import retire
    from audit.format.notes import VerifierKey

    retire(settings().audit_key_path, VerifierKey.parse(key))
    console().print("retired; running services stop using it at their next start")
