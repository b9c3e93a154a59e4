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


class Failed(Exception):
    """The template says `fail`."""


def evaluated(expression, values):
    """Of Go's expressions: paths of .Values, whole numbers, and these functions."""
    of = {"and": lambda *each: next((one for one in each if not one), each[-1]), "not": lambda one: not one, "gt": lambda one, other: one > other, "int": int, "int64": int}
    words = re.findall(r"[()]|[^\s()]+", expression)

    def value():
        word = words.pop(0)
        if word == "(":
            one = call()
            assert words.pop(0) == ")", expression
            return one
        if word.startswith(".Values."):
            return looked_up(values, word.removeprefix(".Values."))
        return int(word)

    def call():
        if words[0] not in of:
            return value()
        function, arguments = of[words.pop(0)], []
        while words and words[0] != ")":
            arguments.append(value())
        return function(*arguments)

    found = call()
    assert not words, expression
    return found


def rendered(text, values):
    """{{ .Release.Name }}, {{ EXPRESSION }}, {{- fail "..." }}, and {{- if EXPRESSION }} ... {{- end }} on lines of their own, not nested."""
    def told(match):
        value = evaluated(match[1], values)
        # A number of a values file is a float64, which Go writes so; what int and int64 answer it writes in full.
        large = not isinstance(value, str) and "int" not in match[1] and value >= 1_000_000
        return f"{value:e}" if large else str(value)
    text = re.sub(r"(?ms)^\{\{- if ([^\n]*?) \}\}\n(.*?)^\{\{- end \}\}\n", lambda match: match[2] if evaluated(match[1], values) else "", text)
    if failed := re.search(r'\{\{- fail "([^"]*)" \}\}', text):
        raise Failed(failed[1])
    text = text.replace("{{ .Release.Name }}", "stats")
    text = re.sub(r"\{\{ ((?:int64 )?\.Values\.[\w.]+) \}\}", told, text)
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

    def test_several_that_would_count_each_for_itself_are_refused(self):
        redis, key = {"redis": {"secret": "redis"}}, {"clusterKey": {"secret": "key"}}
        for replicas in (2, "3"):
            for given, missing in (({}, "redis.secret"), (key, "redis.secret"), (redis, "clusterKey.secret")):
                with self.assertRaisesRegex(Failed, rf"^replicas is above 1 and {missing} is empty: .* name it in {missing}, or set replicas to 1\.$"):
                    self.objects(replicas=replicas, **given)
            self.objects(replicas=replicas, **redis, **key)
        for given in ({}, redis, key):
            self.objects(replicas=1, **given)

    def test_the_limits_fit_into_the_memory(self):
        container, = self.objects()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
        environment = {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}
        threads, pairs, bodies, keys = (int(environment[f"FOOTFALL_{name}"]) for name in ("THREADS", "ONLINE_PAIRS_MAX", "BODY_MEMORY_MAX", "BATCH_KEY_MEMORY_MAX"))
        memory = container["resources"]["limits"]["memory"]
        self.assertEqual(memory, container["resources"]["requests"]["memory"])
        number, unit = re.fullmatch(r"(\d+)([GM]i)", memory).groups()
        room = int(number) << {"Mi": 20, "Gi": 30}[unit]
        self.assertGreaterEqual(bodies, threads * (40 << 20))  # less it does not take
        # deploy/guides/sizing.md, "Memory"; what is counted is there twice while a checkpoint is made.
        self.assertLessEqual(24e6 + 2 * 20 * pairs + bodies + keys + 20e6 * threads, room / 2)

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
