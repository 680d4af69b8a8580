"""`countersign policy test`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from app.cli.policy.shared import PolicyPath, json_option, open_bench, results
from app.cli.shared import plain, progress, put

if TYPE_CHECKING:
    from moderation.policy_test.bench import CaseOutcome


@click.command()
@click.argument("file", type=PolicyPath())
@click.option(
    "--cases", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Default: NAME.cases.yaml beside it."
)
@click.option("--junit", "junit_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write JUnit XML here.")
@json_option
def test(file: Path, cases: Path | None, junit_file: Path | None, as_json: bool) -> int:
    """Whether a policy does what its cases ask: must_block, must_steer, must_redact, must_pass.

    Each text goes through the real redaction and the real rails. Exit code 1 if a case fails.

    \b
    countersign policy test policies/bank.yaml
    countersign policy test policies/bank.yaml --cases incidents.yaml --junit report.xml
    """
    from moderation.policy import load_policy
    from moderation.policy_test.cases import cases_beside, read_cases
    from moderation.policy_test.junit import junit

    sound = load_policy(file)
    asked = read_cases(cases or cases_beside(file), sound)
    with progress() as bar:
        bar("models", 0, 1)
        bench = open_bench(sound)
        bar("models", 1, 1)
        outcomes = list(bench.try_all(asked, lambda done: bar("cases", done, len(asked))))
    if junit_file is not None:
        junit_file.write_text(junit(file.name, outcomes), encoding="utf-8")
    failed = [one for one in outcomes if not one.passed and not one.known]
    if as_json:
        put(
            {
                "passed": sum(one.passed for one in outcomes),
                "failed": len(failed),
                "cases": [_plainly(one) for one in outcomes],
            }
        )
    else:
        _print_outcomes(outcomes)
    return 1 if failed else 0


def _plainly(one: CaseOutcome) -> dict[str, Any]:
    found = one.deciding
    return {
        "file": str(one.case.file),
        "line": one.case.line,
        "text": one.case.example.text,
        "expected": one.case.expected,
        "got": one.got,
        "passed": one.passed,
        "weakness": one.case.example.weakness,
        "redacted": list(one.entities),
        "rail": found.rail if found else None,
        "category": found.category if found else None,
        "probability": found.probability if found else None,
        "threshold": found.threshold if found else None,
        "reason": found.reason if found else None,
    }


def _print_outcomes(outcomes: Sequence[CaseOutcome]) -> None:
    table = Table("line", "text", "must", "got", "deciding rail", "prob.", "limit", expand=False)
    for one in outcomes:
        if one.passed:
            continue
        found = one.deciding
        numbers = (f"{found.probability:.3f}", f"{found.threshold:g}") if found else ("", "")
        rail = f"{found.rail}/{found.category}" if found else "none judges it"
        must = f"{one.case.expected} (known)" if one.known else one.case.expected
        table.add_row(str(one.case.line), plain(one.case.example.text), must, one.got, rail, *numbers)
    if table.row_count:
        results().print(table)
    for one in outcomes:
        if one.known:
            click.echo(f"known weakness, line {one.case.line}: {one.case.example.weakness}")
        elif one.passed and one.case.example.weakness:
            click.echo(f"line {one.case.line} passes now: take `weakness` off it")
    passed, known = sum(one.passed for one in outcomes), sum(one.known for one in outcomes)
    click.echo(f"{passed} passed, {len(outcomes) - passed - known} failed, {known} known weaknesses")
