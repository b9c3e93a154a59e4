# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus of the test's own, that scrapes twice a second."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from footfall import free_port


class PrometheusServer:
    """jobs: of each its addresses with /metrics; a list of addresses is the job footfall. rules: the text of a file of rules."""

    def __init__(self, jobs, rules=None):
        if isinstance(jobs, list):
            jobs = {"footfall": jobs}
        scraped = [{"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()]
        self.port = free_port()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="footfall-prometheus-"))
        (self.directory / "rules.yml").write_text(rules or "groups: []\n")
        (self.directory / "prometheus.yml").write_text(
            "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\nrule_files: [rules.yml]\n"
            f"scrape_configs: {json.dumps(scraped)}\n")

    def __enter__(self):
        self.process = subprocess.Popen(["prometheus", f"--config.file={self.directory}/prometheus.yml", f"--storage.tsdb.path={self.directory}/data",
                                         f"--web.listen-address=127.0.0.1:{self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                self.get("/-/ready")
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        raise AssertionError("prometheus does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.directory, ignore_errors=True)

    def get(self, target):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{target}", timeout=10) as answer:
            return answer.read()

    def query(self, expression):
        """Its samples, as the API has them. An expression that Prometheus does not accept is an assertion that fails."""
        try:
            return json.loads(self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression})))["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {json.loads(error.read())['error']}") from None

    def alerts(self, *states):
        """(alert, instance) of each that is in one of these states now; the job's name where it has no instance."""
        alerts = json.loads(self.get("/api/v1/alerts"))["data"]["alerts"]
        return {(a["labels"]["alertname"], a["labels"].get("instance", a["labels"].get("job"))) for a in alerts if a["state"] in states}
