# SPDX-License-Identifier: Apache-2.0
"""deploy/helm, as text: there is no Helm here, so its templates use of Go's language only what this renders, and the result is looked at."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

from footfall import BUILD, ROOT, SKIPPED

CHART = ROOT / "deploy" / "helm" / "footfall"
ENTRYPOINT = re.findall(r'"([^"]*)"', re.search(r"(?m)^ENTRYPOINT \[(.*)\]$", (ROOT / "deploy/docker/Dockerfile").read_text())[1])


def looked_up(values, path):
    for name in path.split("."):
        values = values[name]
    return values


def rendered(text, values):
    """{{ .Release.Name }}, {{ .Values.PATH }}, and {{- if .Values.PATH }} ... {{- end }} on lines of their own, not nested."""
    def condition(match):
        return match[2] if looked_up(values, match[1]) else ""
    text = re.sub(r"(?ms)^\{\{- if \.Values\.([\w.]+) \}\}\n(.*?)^\{\{- end \}\}\n", condition, text)
    text = text.replace("{{ .Release.Name }}", "stats")
    text = re.sub(r"\{\{ \.Values\.([\w.]+) \}\}", lambda match: str(looked_up(values, match[1])), text)
    assert "{{" not in text, re.search(r"\{\{.*", text)[0]
    return yaml.safe_load(text)


class Helm(unittest.TestCase):
    def setUp(self):
        self.values = yaml.safe_load((CHART / "values.yaml").read_text())

    def objects(self, **values):
        values = {**self.values, **values}
        return {o["kind"]: o for o in (rendered(path.read_text(), values) for path in sorted((CHART / "templates").glob("*.yaml")))}

    def test_the_chart_is_of_this_release(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        version = re.search(r"project\(footfall VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertEqual((chart["apiVersion"], chart["version"], chart["appVersion"]), ("v2", version, version))
        self.assertEqual(self.values["image"], f"footfall:{version}")

    def test_one_node_and_several_are_started_as_they_should(self):
        alone, several = {}, {"replicas": 3, "redis": {"secret": "redis"}, "clusterKey": {"secret": "key"}}
        for values in (alone, several):
            objects = self.objects(**values)
            pod = objects["StatefulSet"]["spec"]["template"]["spec"]
            container, = pod["containers"]
            environment = {"redis": "redis://redis:6379", "metadata.name": "stats-0"}
            for variable in container["env"]:
                source = variable.get("valueFrom", {})
                name = source.get("secretKeyRef", {}).get("name") or source.get("fieldRef", {}).get("fieldPath")
                environment[variable["name"]] = environment[name] if name else variable["value"]
            self.assertEqual("FOOTFALL_CLUSTER_KEY" in environment, values is several)
            with tempfile.TemporaryDirectory() as directory:
                key = pathlib.Path(directory) / "key"
                key.touch(mode=0o600)
                key.write_text("0f" * 32)
                environment = {k: v.replace("/key/cluster-key", str(key)) for k, v in environment.items() if k.startswith("FOOTFALL_")}
                done = subprocess.run([str(BUILD / "footfalld"), *ENTRYPOINT[1:], "--check-config"], env={**os.environ, **environment}, capture_output=True, text=True,
                                      timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            self.assertEqual(environment["FOOTFALL_METRICS_LISTEN"], f"0.0.0.0:{ports['metrics']}")
            self.assertEqual(objects["StatefulSet"]["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"], str(ports["metrics"]))
            declared = {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in objects["StatefulSet"]["spec"]["volumeClaimTemplates"]}
            mounted = {mount["name"] for of in (*pod["containers"], *pod.get("initContainers", [])) for mount in of["volumeMounts"]}
            self.assertEqual(mounted, declared)
            self.assertEqual(objects["Service"]["spec"]["selector"], objects["StatefulSet"]["spec"]["template"]["metadata"]["labels"])
            self.assertIn(objects["Service"]["spec"]["ports"][0]["targetPort"], ports)

    def test_a_pod_may_no_more_than_it_needs(self):
        pod = self.objects(clusterKey={"secret": "key"})["StatefulSet"]["spec"]["template"]["spec"]
        self.assertIs(pod["securityContext"]["runAsNonRoot"], True)
        self.assertEqual(pod["securityContext"]["fsGroupChangePolicy"], "OnRootMismatch")
        self.assertIs(pod["automountServiceAccountToken"], False)
        for container in (*pod["containers"], *pod["initContainers"]):
            self.assertEqual(container["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})


if __name__ == "__main__":
    if not (BUILD / "footfalld").exists():
        print("footfalld is not built: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
