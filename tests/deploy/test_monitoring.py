"""Alert rules, dashboard and runbook: over metrics that a real service shows, each alert fires when it should, and the
runbook tells of each with commands that exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from app.engine_server.metrics import EngineMetrics
from app.serving.application import create_app
from app.settings import Settings
from app.wiring.deployment import open_deployment
from app.wiring.service import Service
from deploy.onprem.bundle.pages import anchor, pages
from inference.engine.scheduler import Load
from tests.deploy.commands import problem_of
from tests.deploy.tools import tool

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "onprem" / "monitoring"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
NAMES = [rule["alert"] for rule in RULES]
PROMETHEUS_S_OWN = {"up"}
WORDS = {
    "sum", "rate", "increase", "max", "min", "count", "by", "and", "or",
    "le", "absent", "histogram_quantile", "min_over_time", "offset",
}  # fmt: skip
STEPS, RAILS = "countersign_step_duration_seconds_bucket", "countersign_moderation_duration_seconds_bucket"
VERDICTS = "countersign_moderation_decisions_total"
# Each alert by the series that bring it about, over 40 minutes from the second day on; "a+bxn" is promtool's: n steps of b.
HEALTHY = {
    'up{job="countersign",instance="one"}': "1x1480",
    'up{job="countersign-engine",instance="e"}': "1x1480",
    'countersign_audit_events_total{instance="one"}': "0+60x1480",
    'countersign_audit_checkpoints_total{instance="one"}': "0+30x1480",
    'countersign_audit_queue_depth{instance="one"}': "0 3 0 1 0 2x1475",
    'countersign_audit_events_refused_total{instance="one"}': "0x1480",
    'countersign_audit_checkpoint_failures_total{instance="one"}': "0x1480",
    'countersign_audit_unwitnessed_logs{instance="one"}': "0x1480",
    'countersign_audit_witness_contradictions{instance="one"}': "0x1480",
    'countersign_refused_unrecorded_total{instance="one"}': "0x1480",
    'countersign_turned_away_total{instance="one"}': "0x1480",
    'countersign_policy_file_rejected{role="in force"}': "0x1480",
    'countersign_policy_info{role="in force",digest="a",instance="one"}': "1x1480",
    'countersign_policy_info{role="in force",digest="a",instance="two"}': "1x1480",
    'countersign_policy_info{role="candidate",digest="b",instance="one"}': "1x1480",
    'countersign_pseudonyms_unrestored_total{instance="one"}': "0x1480",
    'countersign_passages_screened_total{outcome="left_out"}': "0x1480",
    'countersign_journey_duration_seconds_count{outcome="answered"}': "0+100x1480",
    'countersign_journey_duration_seconds_count{outcome="failed"}': "0+1x1480",
    f'{STEPS}{{step="first_segment",le="1"}}': "0+100x1480",
    f'{STEPS}{{step="first_segment",le="30"}}': "0+100x1480",
    f'{STEPS}{{step="first_segment",le="+Inf"}}': "0+100x1480",
    f'{RAILS}{{rail="topic",le="0.5"}}': "0+100x1480",
    f'{RAILS}{{rail="topic",le="2.5"}}': "0+100x1480",
    f'{RAILS}{{rail="topic",le="+Inf"}}': "0+100x1480",
    f'{VERDICTS}{{direction="input",verdict="block"}}': "0+1x1480",
    f'{VERDICTS}{{direction="input",verdict="allow"}}': "0+100x1480",
    'countersign_engines_answering{instance="one"}': "2x1480",
    'countersign_engine_queue_depth{instance="e"}': "0 3 0 1 0x1475",
    'countersign_engine_running{instance="e"}': "2x1480",
    'countersign_engine_tokens_total{instance="e"}': "0+600x1480",
    'countersign_engine_refused_total{instance="e",status="429"}': "0x1480",
    'countersign_engine_answers_total{instance="e",reason="stop"}': "0+60x1480",
    'countersign_engine_answers_total{instance="e",reason="failed"}': "0+1x1480",
    'countersign_engine_cache_blocks{instance="e"}': "100x1480",
    'countersign_engine_cache_blocks_available{instance="e"}': "60x1480",
}
FIRING: dict[str, dict[str, str]] = {
    "CountersignDown": {'up{job="countersign",instance="one"}': "1x1440 0x40"},
    "CountersignUnwatched": {'up{job="countersign",instance="one"}': "1x1440 stale _x40"},
    "CountersignEngineDown": {'up{job="countersign-engine",instance="e"}': "1x1440 0x40"},
    "CountersignFailing": {'countersign_journey_duration_seconds_count{outcome="failed"}': "0x1440 0+20x40"},
    "CountersignSlow": {f'{STEPS}{{step="first_segment",le="1"}}': "0+100x1440 144000x40"},
    "CountersignTurningAway": {'countersign_turned_away_total{instance="one"}': "0x1440 0+60x40"},
    "CountersignNoEngine": {'countersign_engines_answering{instance="one"}': "2x1440 0x40"},
    "CountersignEngineQueue": {'countersign_engine_queue_depth{instance="e"}': "0x1440 4x40"},
    "CountersignEngineTurningAway": {'countersign_engine_refused_total{instance="e",status="429"}': "0x1440 0+60x40"},
    "CountersignEngineStands": {'countersign_engine_tokens_total{instance="e"}': "0+600x1470 882000x10"},
    "CountersignEngineFailing": {'countersign_engine_answers_total{instance="e",reason="failed"}': "0x1440 0+20x40"},
    "CountersignEngineCacheFull": {'countersign_engine_cache_blocks_available{instance="e"}': "60x1440 2x40"},
    "CountersignCannotRecord": {'countersign_refused_unrecorded_total{instance="one"}': "0x1478 4x3"},
    "CountersignLogStands": {
        'countersign_audit_queue_depth{instance="one"}': "0x1470 7x10",
        'countersign_audit_events_total{instance="one"}': "0+60x1470 88200x10",
    },
    "CountersignCheckpointsFail": {'countersign_audit_checkpoint_failures_total{instance="one"}': "0x1470 1+1x10"},
    "CountersignCheckpointsStopped": {'countersign_audit_checkpoints_total{instance="one"}': "0+30x1440 43200x40"},
    "CountersignUnwitnessed": {'countersign_audit_unwitnessed_logs{instance="one"}': "0x1440 1x40"},
    "CountersignWitnessContradicts": {'countersign_audit_witness_contradictions{instance="one"}': "0x1479 1x1"},
    "CountersignPolicyRejected": {'countersign_policy_file_rejected{role="in force"}': "0x1440 1x40"},
    "CountersignPoliciesDiffer": {
        'countersign_policy_info{role="in force",digest="a",instance="two"}': "1x1440 stale _x40",
        'countersign_policy_info{role="in force",digest="new",instance="two"}': "_x1440 1x40",
    },
    "CountersignBlocksSurge": {f'{VERDICTS}{{direction="input",verdict="block"}}': "0+1x1420 1420+30x60"},
    "CountersignRailSlow": {f'{RAILS}{{rail="topic",le="0.5"}}': "0+100x1440 144000x40"},
    "CountersignPassagesLeftOut": {'countersign_passages_screened_total{outcome="left_out"}': "0x1470 0+2x10"},
    "CountersignPseudonymsUnrestored": {'countersign_pseudonyms_unrestored_total{instance="one"}': "0x1440 0+2x40"},
}


def expressions() -> dict[str, str]:
    """Every PromQL expression of rules and dashboard, by where it stands."""
    found = {rule["alert"]: rule["expr"] for rule in RULES}
    for panel in dashboard()["panels"]:
        found |= {f"{panel['title']} {one['refId']}": one["expr"] for one in panel.get("targets", ())}
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every series that a real service and a real engine show, with the labels that each may have."""
    deployment = open_deployment(Settings(home=tmp_path_factory.mktemp("metrics"), light=True))
    try:
        deployment.metrics.watch_engines(lambda: 0, lambda: 0)  # as where the settings name engines
        text = create_app(Service(deployment)).test_client().get("/metrics").get_data(as_text=True)
    finally:
        deployment.close()
    engine = EngineMetrics()
    engine.watch(lambda: Load(*(0 for _ in fields(Load))))
    return _series(text, deployment.metrics.registry) | _series(engine.text().decode(), engine._registry)


def _series(text: str, registry: CollectorRegistry) -> dict[str, set[str]]:
    labels = {name: set(getattr(one, "_labelnames", ())) for name, one in registry._names_to_collectors.items()}
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        for ending in endings:
            found[family.name + ending] = labels.get(family.name, set()) | ({"le"} if ending == "_bucket" else set())
    return found


def test_rules_and_dashboard_use_metrics_and_labels_that_a_real_service_shows(shown: dict[str, set[str]]) -> None:
    every = {label for labels in shown.values() for label in labels} | {"job", "instance"}
    for where, expression in expressions().items():
        bare = re.sub(r'"[^"]*"|\$__rate_interval|\[[^\]]*\]', "", expression)
        named = set(re.findall(r"\b(?:countersign_\w+|up)\b", bare))
        assert named, where
        assert named <= set(shown) | PROMETHEUS_S_OWN, where
        for name, selector in re.findall(r"(countersign_\w+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)!?=", selector)) <= shown[name] | {"job", "instance"}, where
        rest = set(re.findall(r"\b[a-z_]+\b", re.sub(r"\b(?:countersign_\w+|up)\b", "", bare)))
        assert rest - WORDS - every <= {"d", "m", "h"}, where


@pytest.mark.process
def test_promtool_takes_the_rules_and_the_example_configuration() -> None:
    for command in (["check", "rules", "alerts.yaml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run([tool("promtool"), *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "FAILED" not in done.stdout


@pytest.mark.process
@pytest.mark.parametrize("alert", [*NAMES, None])
def test_an_alert_fires_when_it_should_and_no_other_with_it(alert: str | None, tmp_path: Path) -> None:
    """None: nothing fires while all is well."""
    series = HEALTHY | (FIRING[alert] if alert else {})
    expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else []
    asked = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "1480m", "exp_samples": expected}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [asked],
    }
    path = tmp_path / "test.yaml"
    path.write_text(
        yaml.safe_dump({"rule_files": [str(FOLDER / "alerts.yaml")], "evaluation_interval": "5m", "tests": [test]})
    )
    done = subprocess.run([tool("promtool"), "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_how_bad_it_is_and_leads_to_its_section_of_the_runbook() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(FIRING)
    page = dict(pages(ROOT))["runbook.html"]
    headings = re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)
    assert headings == NAMES
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        file, _, name = rule["annotations"]["runbook_url"].partition("#")
        assert file == "file:///opt/countersign/current/docs/runbook.html"
        assert name == anchor(rule["alert"])
        assert f'id="{name}"' in page
    for name, text in zip(headings, re.split(r"^### \w+$", RUNBOOK, flags=re.MULTILINE)[1:], strict=True):
        assert [word for word in ("**Means.**", "**Look.**", "**Do.**") if word not in text] == [], name


@pytest.mark.process
@pytest.mark.parametrize("name", ["runbook.md", "operations.md", "deployment.md", "shapes.md"])
def test_every_command_of_a_guide_exists(name: str) -> None:
    text = (ROOT / "docs" / name).read_text("utf-8")
    spoken = re.findall(r"`((?:countersign|make) [^`]+)`", text)
    spoken += re.findall(r"^    ((?:countersign|make|/\S+/bin/countersign) .+)$", text.replace("\\\n", " "), re.MULTILINE)
    checked = 0
    for line in spoken:
        words = shlex.split(line.partition(" #")[0].replace("…", "X"))
        if words[0] == "make" and "-C" not in words:
            continue  # of the checkout, or a target's bare name; tests/deploy/test_guide.py looks at those
        words[0] = Path(words[0]).name
        if words[0] == "make":
            del words[words.index("-C") : words.index("-C") + 2]
        assert problem_of(words) is None, line
        checked += 1
    assert checked >= 2


def test_the_dashboard_is_one_that_grafana_can_take() -> None:
    found = dashboard()
    assert (found["uid"], found["title"]) == ("countersign", "Countersign")
    (variable,) = found["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    identities = [panel["id"] for panel in found["panels"]]
    assert len(set(identities)) == len(identities)
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${source}"}
