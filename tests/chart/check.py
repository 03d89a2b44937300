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


helm("lint", "--strict", CHART)
rendered = [d for d in yaml.safe_load_all(helm("template", "r", CHART, "--set", "serviceMonitor.enabled=true",
                                               "--set", "secrets.existingSecret=s")) if d]
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
    assert spec["securityContext"]["runAsNonRoot"] is True
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["args"][:2] == ["run", container["name"]]
    names = {variable["name"]: variable for variable in container["env"]}
    assert "secretKeyRef" in names["CRUMBTRAIL_CLICKHOUSE_PASSWORD"]["valueFrom"]
config = yaml.safe_load(by_kind["ConfigMap"][0]["data"]["crumbtrail.yaml"])
assert config["log"]["home"] == "kafka" and config["data_dir"] == "/data"
if len(sys.argv) > 3:
    with open(sys.argv[3], "w") as out:
        out.write(by_kind["ConfigMap"][0]["data"]["crumbtrail.yaml"])

refused = helm("template", "r", CHART, "--set", "config.snapshots.url=file:///data/snapshots", fails=True)
assert "object store" in refused, refused
refused = helm("template", "r", CHART, "--set", "config.log.home=local", fails=True)
assert "kafka" in refused, refused
refused = helm("template", "r", CHART, "--set", "procesors.intake.replicas=1", fails=True)
assert "procesors" in refused, refused
print("chart: ok")
