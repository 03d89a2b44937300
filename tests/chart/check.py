"""The chart lints, renders, refuses what cannot work, and its pods are locked down. Run by tests/tests/chart.rs."""

import subprocess
import sys

import yaml

HELM, CHART = sys.argv[1], sys.argv[2]
# A helm built from its module says it is for Kubernetes 1.20.
KUBERNETES = ["--kube-version", "1.30.0"]


def helm(*arguments, fails=False):
    run = subprocess.run([HELM, *arguments, *KUBERNETES], capture_output=True, text=True)
    assert (run.returncode != 0) == fails, f"helm {arguments}: {run.stdout}{run.stderr}"
    return run.stdout if not fails else run.stderr


SECRET = ["--set", "secrets.existingSecret=s"]
helm("lint", "--strict", CHART, *SECRET)
rendered = [d for d in yaml.safe_load_all(helm("template", "r", CHART, *SECRET, "--set", "serviceMonitor.enabled=true",
                                               "--set-json", 'extraVolumes=[{"name":"ca","secret":{"secretName":"ca"}}]',
                                               "--set-json", 'extraVolumeMounts=[{"name":"ca","mountPath":"/ca"}]',
                                               "--set-json", 'extraEnv=[{"name":"TZ","value":"UTC"}]')) if d]
by_kind = {}
for document in rendered:
    by_kind.setdefault(document["kind"], []).append(document)
assert len(by_kind["StatefulSet"]) == 3, by_kind.keys()
assert len(by_kind["PodDisruptionBudget"]) == 3
assert len(by_kind["Service"]) == 3
assert len(by_kind["ServiceMonitor"]) == 1
for pods in by_kind["StatefulSet"]:
    spec = pods["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] == 65532
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    # A pod that waits for ClickHouse, or reads its log again, is alive: only readiness waits for it.
    for probe, path in [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]:
        assert container[probe]["httpGet"] == {"path": path, "port": "metrics"}, container[probe]
    assert [port["containerPort"] for port in container["ports"]] == [9464]
    assert container["command"] == ["crumbtrail"]
    labels = pods["spec"]["template"]["metadata"]["labels"]
    chosen = pods["spec"]["selector"]["matchLabels"]
    assert chosen.items() <= labels.items()
    (spread,) = spec["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == chosen
    (budget,) = [b for b in by_kind["PodDisruptionBudget"] if b["spec"]["selector"]["matchLabels"] == chosen]
    assert budget["spec"]["maxUnavailable"] == 1
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["data"]["emptyDir"]["sizeLimit"] == "5Gi" and "ca" in volumes
    assert {"name": "ca", "mountPath": "/ca"} in container["volumeMounts"]
    assert container["args"][:2] == ["run", container["name"]]
    names = {variable["name"]: variable for variable in container["env"]}
    assert "secretKeyRef" in names["CRUMBTRAIL_CLICKHOUSE_PASSWORD"]["valueFrom"]
    assert "secretKeyRef" in names["CRUMBTRAIL_PRIVACY_KEY"]["valueFrom"] and names["TZ"]["value"] == "UTC"
(monitor,) = by_kind["ServiceMonitor"]
(endpoint,) = monitor["spec"]["endpoints"]
assert endpoint["port"] == "metrics", endpoint
for service in by_kind["Service"]:
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
config = yaml.safe_load(by_kind["ConfigMap"][0]["data"]["crumbtrail.yaml"])
assert config["log"]["home"] == "kafka" and config["data_dir"] == "/data"
if len(sys.argv) > 3:
    with open(sys.argv[3], "w") as out:
        out.write(by_kind["ConfigMap"][0]["data"]["crumbtrail.yaml"])

# The hash of a revision, 11 symbols with its dash, stands behind a set's name in a label, which has 63.
for document in yaml.safe_load_all(helm("template", "a" * 49, CHART, *SECRET)):
    assert document is None or document["kind"] != "StatefulSet" or len(document["metadata"]["name"]) <= 52

for values, word in [
    (["config.snapshots.url=file:///data/snapshots"], "object store"),
    (["config.log.home=local"], "kafka"),
    (["procesors.intake.replicas=1"], "procesors"),
    (["config.telemetry.listen=0.0.0.0:9999"], ":9464"),
    (["secrets.existingSecret="], "openssl rand"),
]:
    refused = helm("template", "r", CHART, *SECRET, *(part for value in values for part in ("--set", value)), fails=True)
    assert word in refused, refused
print("chart: ok")
