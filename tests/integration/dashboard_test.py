# SPDX-License-Identifier: Apache-2.0
"""What deploy/prometheus and deploy/grafana ask for, a daemon with all its parts exports: each metric, each value of a label; and a real
Prometheus accepts each expression. The dashboard's panels lie side by side."""
import itertools
import json
import re
import shutil
import sys
import unittest

import yaml

from all_parts import daemon_with_all_parts
from footfall import ROOT, SKIPPED
from prometheus_server import PrometheusServer

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "footfall.json").read_text())
RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
VARIABLES = {"$job": "footfall", "$instance": ".*", "$__rate_interval": "1m"}


def asked_by_the_dashboard():
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["expr"]


def expressions():
    for text in itertools.chain(asked_by_the_dashboard(), (rule["expr"] for group in RULES["groups"] for rule in group["rules"])):
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        yield text


class Dashboard(unittest.TestCase):
    def test_what_is_asked_for_is_exported_and_prometheus_accepts_how(self):
        daemon = daemon_with_all_parts(self)
        exported = daemon.metrics()
        self.assertLessEqual(len(exported), 300)
        names = {series.split("{")[0] for series in exported}
        values = {pair for series in exported for pair in re.findall(r'(\w+)="([^"]*)"', series)}
        asked = set()
        for expression in expressions():
            asked |= set(re.findall(r"\b(?:footfall|process)_\w+", expression))
            for label, value in re.findall(r'(\w+)[=!]~?"([^"]*)"', expression):
                if label not in ("job", "instance"):
                    self.assertEqual([v for v in value.split("|") if (label, v) not in values], [], expression)
        self.assertGreater(len(asked), 50)
        self.assertEqual(asked - names, set(), "this is asked for, and not exported")
        with PrometheusServer([f"127.0.0.1:{daemon.admin_port}"]) as prometheus:
            for expression in expressions():
                prometheus.query(expression)

    def test_the_panels_lie_side_by_side(self):
        self.assertEqual([p["title"] for p in DASHBOARD["panels"] if p["type"] == "row"], ["Ledger", "Requests", "Storage", "Redis, and the other nodes", "Saturation"])
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken = set()
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertTrue(all(x < 24 for x, _ in cells), panel["title"])
            self.assertEqual(cells & taken, set(), panel["title"])
            taken |= cells


if __name__ == "__main__":
    if not (shutil.which("prometheus") and shutil.which("redis-server")):
        print("prometheus and redis-server are not installed: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
