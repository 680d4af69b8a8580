"""The Helm chart: linted and templated by Helm's own engine, checked against Kubernetes' schemas, and held to its promises.

No cluster is here: what a network policy really stops, only one can show.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from app import __version__
from app.settings import Settings
from tests.deploy.commands import problem_of

CHART = Path(__file__).parents[2] / "deploy" / "onprem" / "chart"
KUBERNETES = ("1.27", "1.30", "1.33")
FULL: dict[str, Any] = {
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "settings": {"light": "true", "witnesses": '["http://10.20.0.9:8765 w+1a2b3c4d+AAAA"]'},
    "engines": {"existingSecret": "engine-key", "replicas": 3},
    "models": {"existingClaim": "models"}, "library": {"existingClaim": "library"},
    "checkpoints": {"existingClaim": "checkpoints"}, "policy": {"existingConfigMap": "policy"},
    "ingress": {"enabled": True}, "nodeSelector": {"pool": "chat"}, "tolerations": [{"key": "chat", "operator": "Exists"}],
    "networkPolicy": {"dns": True, "extraEgress": [
        {"to": [{"ipBlock": {"cidr": "10.20.0.9/32"}}], "ports": [{"protocol": "TCP", "port": 8765}]}]},
}  # fmt: skip
BARE: dict[str, Any] = {"engines": {"replicas": 0}, "networkPolicy": {"ingressFrom": [], "metricsFrom": []}}
SHAPES = {"default": {}, "full": FULL, "bare": BARE}
KNOWN = {"COUNTERSIGN_AUDIT_KEY", "COUNTERSIGN_ENGINES", "COUNTERSIGN_ENGINE_KEY"}
"""Read from the environment, and no field of the settings, or not yet."""


def rendered(values: dict[str, Any], name: str = "countersign") -> list[dict[str, Any]]:
    with helm_python.Chart.load(CHART) as chart:
        files = chart.render(values, name=name, namespace="chat")
    return [one for file, text in files.items() if file.endswith(".yaml") for one in yaml.safe_load_all(text) if one]


def of(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name))


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"]["template"] for one in objects if "template" in one.get("spec", {})}


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in pod["spec"]["containers"][0].get("env", [])}


@pytest.mark.parametrize("shape", SHAPES)
def test_helm_lints_it_and_kubernetes_knows_every_field(shape: str) -> None:
    report = helm_python.lint(CHART, SHAPES[shape], strict=True)
    assert [one for one in report["messages"] if one["severity"] > 1] == []
    assert report["errors"] == []
    objects = rendered(SHAPES[shape])
    assert {one["kind"] for one in objects} >= {
        "Deployment",
        "Job",
        "ConfigMap",
        "Service",
        "NetworkPolicy",
        "PodDisruptionBudget",
    }
    for version in KUBERNETES:
        for one in objects:
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pod_is_shut_in_and_has_limits(shape: str) -> None:
    found = pods(rendered(SHAPES[shape]))
    assert set(found) == {"countersign", "countersign-migrate", *(["countersign-engine"] if shape != "bare" else [])}
    for pod in found.values():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == (True, 10001)
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]
        assert problem_of(["countersign", *container["args"]]) is None
        mounted = {one["name"] for one in container["volumeMounts"]}
        assert mounted == {one["name"] for one in spec["volumes"]}
    for name in set(found) - {"countersign-migrate"}:
        (container,) = found[name]["spec"]["containers"]
        paths = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")]
        assert paths == ["/readyz", "/readyz", "/healthz"]
        assert found[name]["spec"]["topologySpreadConstraints"]


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_may_leave_but_to_the_database_and_the_engines(shape: str) -> None:
    objects = rendered(SHAPES[shape])
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    for name, pod in pods(objects).items():
        labels = pod["metadata"]["labels"]
        mine = [one for one in policies if one["podSelector"]["matchLabels"].items() <= labels.items()]
        assert len(mine) == 1, name
        assert set(mine[0]["policyTypes"]) == {"Ingress", "Egress"}
        component = labels["app.kubernetes.io/component"]
        allowed = [
            (json.dumps(peer), port["port"]) for rule in mine[0]["egress"] for peer in rule["to"] for port in rule["ports"]
        ]
        database = ('{"ipBlock": {"cidr": "10.20.0.5/32"}}', 5432)
        if component == "engine":
            assert allowed == []
        elif component == "migrate":
            assert allowed == [database]
            assert "ingress" not in mine[0]
        else:
            assert allowed[0] == database
            others = [(peer, port) for peer, port in allowed[1:] if '"app.kubernetes.io/component": "engine"' not in peer]
            assert [port for _, port in others] == ([53, 53, 8765] if shape == "full" else [])
            assert mine[0]["ingress"] == [] if shape == "bare" else len(mine[0]["ingress"]) == 2


def test_no_secret_is_in_the_chart_and_none_can_be_given_as_a_value() -> None:
    objects = rendered(FULL)
    assert not [one for one in objects if one["kind"] == "Secret"]
    for pod in pods(objects).values():
        for name, one in environment(pod).items():
            if re.search(r"KEK|_KEY|_URL", name):
                assert set(one["valueFrom"]["secretKeyRef"]) == {"name", "key"}
    with helm_python.Chart.load(CHART) as chart:
        for name, value in (
            ("kek", "x"), ("engine_key", "x"), ("database_url", "postgresql+psycopg://a@b/c"), ("x", "http://me:password@host"),
        ):  # fmt: skip
            with pytest.raises(helm_python.HelmError):
                chart.validate_schema({"settings": {name: value}})
        for wrong in (
            {"replicas": 2}, {"service": {"replicas": 0}}, {"database": {"cidr": "db.bank.example"}},
            {"ingress": {"paths": ["/metrics"]}}, {"networkPolicy": {"extraEgress": [{}]}}, {"image": {"digest": "latest"}},
        ):  # fmt: skip
            with pytest.raises(helm_python.HelmError):
                chart.validate_schema(wrong)
        chart.validate_schema(FULL)


def test_every_setting_that_the_chart_passes_on_is_one() -> None:
    objects = rendered(FULL)
    given = {name for pod in pods(objects).values() for name in environment(pod) if name.startswith("COUNTERSIGN_")}
    given |= set(of(objects, "ConfigMap", "countersign")["data"])
    fields = {f"COUNTERSIGN_{name.upper()}" for name in Settings.model_fields}
    assert given - fields <= KNOWN


def test_the_service_finds_each_engine_without_dns() -> None:
    """Through the variables that a cluster sets for each Service, whatever the release is called."""
    objects = rendered({}, name="bank-chat.prod")
    told = environment(pods(objects)["bank-chat-prod"])["COUNTERSIGN_ENGINES"]["value"]
    names = re.findall(r"http://\$\((\w+)_SERVICE_HOST\):8090", told)
    assert told.count(",") + 1 == len(names) == 2
    services = {
        one["metadata"]["name"].upper().replace("-", "_"): one["spec"] for one in objects if one["kind"] == "Service"
    }
    for number, name in enumerate(names):
        assert services[name].get("clusterIP") != "None"
        assert services[name]["selector"]["statefulset.kubernetes.io/pod-name"] == f"bank-chat-prod-engine-{number}"
    assert pods(objects)["bank-chat-prod"]["spec"]["enableServiceLinks"] is True


def test_a_release_called_countersign_keeps_its_own_port() -> None:
    """A Service of that name makes a variable COUNTERSIGN_PORT=tcp://…; what a pod says itself wins."""
    objects = rendered({})
    assert of(objects, "ConfigMap", "countersign")["data"]["COUNTERSIGN_PORT"] == "8080"
    assert pods(objects)["countersign"]["spec"]["containers"][0]["envFrom"] == [{"configMapRef": {"name": "countersign"}}]


def test_the_database_is_migrated_before_each_upgrade_by_its_owner_alone() -> None:
    objects = rendered({})
    job, policy = of(objects, "Job", "countersign-migrate"), of(objects, "NetworkPolicy", "countersign-migrate")
    for one in (job, policy):
        assert one["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(policy["metadata"]["annotations"]["helm.sh/hook-weight"]) < int(
        job["metadata"]["annotations"]["helm.sh/hook-weight"]
    )
    owners = [name for name, pod in pods(objects).items() if "owner-url" in json.dumps(pod)]
    assert owners == ["countersign-migrate"]
    strategy = of(objects, "Deployment", "countersign")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}


def test_metrics_are_not_on_the_ingress_and_streams_pass_as_they_come() -> None:
    ingress = of(rendered(FULL), "Ingress", "countersign")
    paths = {one["path"] for one in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert paths == {"/v1", "/review", "/static", "/openapi.json"}
    notes = ingress["metadata"]["annotations"]
    assert notes["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    assert notes["nginx.ingress.kubernetes.io/proxy-next-upstream"] == "error timeout"


def test_the_chart_s_version_is_the_program_s() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (about["version"], about["appVersion"]) == (__version__, __version__)
