# SPDX-License-Identifier: Apache-2.0
"""deploy/docker, as text: no image is built or run here. What is named is there, what the daemon is started with is right, the image installs
what the binaries link, and nothing of ours runs as root, writes to its image or keeps a capability."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

from footfall import BUILD, ROOT, SKIPPED

DOCKER = ROOT / "deploy" / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
COMPOSES = {path.name: yaml.safe_load(path.read_text()) for path in sorted(DOCKER.glob("compose*.yaml"))}


def services():
    for name, compose in COMPOSES.items():
        for service, settings in compose["services"].items():
            yield f"{name}: {service}", settings


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, **more)


class Docker(unittest.TestCase):
    def test_the_image_is_small_and_without_root(self):
        stages = re.findall(r"(?m)^FROM (\S+)(?: AS (\w+))?$", DOCKERFILE)
        self.assertEqual(stages, [("${DEBIAN}", "build"), ("${DEBIAN}", "")])
        self.assertRegex(DOCKERFILE, r"(?m)^ARG DEBIAN=debian:12-slim$")
        last = DOCKERFILE.rpartition("\nFROM ")[2]
        self.assertRegex(last, r"(?m)^USER [1-9]\d*:[1-9]\d*$")  # a number: kubernetes tells root from it
        self.assertRegex(last, r"(?m)^HEALTHCHECK .*/readyz")
        self.assertNotIn("g++", last)

    def test_images_can_be_pinned_by_the_command_that_stands_there(self):
        pinned = re.findall(r"imagetools inspect (\S+) --format", DOCKERFILE)
        self.assertEqual(pinned, re.findall(r"(?m)^ARG DEBIAN=(\S+)$", DOCKERFILE))
        for name, compose in COMPOSES.items():
            said = re.search(r"(?m)^#   for image in (.*?); do echo .*imagetools inspect \$image --format", (DOCKER / name).read_text())[1]
            used = {settings["image"] for settings in compose["services"].values()} - {"footfall"}
            self.assertEqual(set(said.split()), used, name)

    def test_the_image_says_of_what_it_is_made(self):
        lists = re.findall(r"dpkg-query -W -f '([^']*)' >(\S+)", DOCKERFILE)
        self.assertEqual([pathlib.PurePath(file).name for _, file in lists], ["built-with.txt", "packages.txt"])
        last = DOCKERFILE.rpartition("\nFROM ")[2]
        self.assertIn("/built-with.txt /usr/share/doc/footfall/\n", last)
        self.assertLess(last.index("apt-get install"), last.index("dpkg-query"))
        if not shutil.which("dpkg-query"):
            self.skipTest("on Debian")
        for form, _ in lists:
            packages = run("dpkg-query", "-W", "-f", form).stdout.splitlines()
            self.assertGreater(len(packages), 50)
            self.assertEqual([line for line in packages if not re.fullmatch(r"[a-z0-9.+-]+ \S+ [a-z0-9.+-]+ \S+", line)], [])

    def test_no_password_is_one_that_everybody_knows(self):
        needed = COMPOSES["compose.yaml"]["services"]["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"]
        self.assertRegex(needed, r"^\$\{GRAFANA_PASSWORD:\?[^}]*deploy/docker/\.env[^}]*\}$")  # :? refuses what is empty, too
        text = (DOCKER / "compose.yaml").read_text()
        made = re.search(r"(?m)^#   (\(umask 077; echo .*)$", text)[1]
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / "deploy/docker").mkdir(parents=True)
            self.assertEqual(run("bash", "-ec", made, cwd=directory).returncode, 0)
            written = pathlib.Path(directory) / "deploy/docker/.env"
            self.assertEqual(written.stat().st_mode & 0o777, 0o600)
            self.assertRegex(written.read_text(), r"\AGRAFANA_PASSWORD=[A-Za-z0-9+/]{24}\n\Z")
        for name, settings in services():
            for variable, value in settings.get("environment", {}).items():
                if re.search(r"PASSWORD|TOKEN|SECRET", variable):
                    self.assertTrue(value.startswith("${"), f"{name}: {variable}")

    def test_the_image_installs_what_the_binaries_link(self):
        if not (shutil.which("dpkg-shlibdeps") and "VERSION_CODENAME=bookworm" in pathlib.Path("/etc/os-release").read_text()):
            self.skipTest("on Debian 12, with dpkg-dev")
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / "debian").mkdir()
            (pathlib.Path(directory) / "debian" / "control").write_text("Source: footfall\n\nPackage: footfall\nArchitecture: any\n")
            done = run("dpkg-shlibdeps", "-O", BUILD / "footfalld", BUILD / "footfall", cwd=directory)
        self.assertEqual(done.returncode, 0, done.stderr)
        linked = set(re.findall(r"([a-z][a-z0-9.+-]+)(?: \([^)]*\))?(?:,|$)", done.stdout.partition("=")[2].strip()))
        installed = set(re.search(r"--no-install-recommends ((?:[^&])*)", DOCKERFILE.rpartition("\nFROM ")[2])[1].replace("\\\n", " ").split())
        self.assertGreater(len(linked), 8)
        self.assertLessEqual({"uap-core", "tzdata", "ca-certificates"}, installed)  # read at run time
        base = {"libc6", "libgcc-s1", "libstdc++6"}  # of every Debian
        self.assertEqual({re.sub(r"-fmt9$", "", name) for name in linked} - installed - base, set())

    def test_what_the_daemon_is_started_with_is_right(self):
        entry = re.findall(r'"([^"]*)"', re.search(r"(?m)^ENTRYPOINT \[(.*)\]$", DOCKERFILE)[1])
        self.assertEqual(entry[0], "footfalld")
        with tempfile.TemporaryDirectory() as directory:
            key = pathlib.Path(directory) / "key"
            key.touch(mode=0o600)
            key.write_text("0f" * 32)
            for name, settings in services():
                if settings["image"] != "footfall":
                    continue
                environment = {k: v.replace("/run/secrets/cluster_key", str(key)) for k, v in settings["environment"].items()}
                done = run(BUILD / "footfalld", *entry[1:], "--check-config", env={**os.environ, **environment})
                self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")

    def test_what_is_mounted_is_there_and_each_volume_is_declared(self):
        for name, compose in COMPOSES.items():
            for service, settings in compose["services"].items():
                for volume in settings.get("volumes", []):
                    source = volume.split(":")[0]
                    if source == "./tls":  # made by a command at the top of the file
                        self.assertIn(" -out deploy/docker/tls/fullchain.pem", (DOCKER / name).read_text())
                    elif source.startswith("."):
                        self.assertTrue((DOCKER / source).exists(), f"{name}: {service}: {source}")
                    else:
                        self.assertIn(source, compose["volumes"], f"{name}: {service}")
                self.assertEqual([other for other in settings.get("depends_on", []) if other not in compose["services"]], [])

    def test_the_nodes_are_reached_by_tls_alone(self):
        nginx = COMPOSES["compose.cluster.yaml"]["services"]["nginx"]
        self.assertEqual([port.split(":")[1] for port in nginx["ports"]], ["443"])
        inside = {volume.split(":")[1]: volume.split(":")[0] for volume in nginx["volumes"]}
        shown = re.findall(r"ssl_certificate(?:_key)? (\S+)/(?:fullchain|privkey)\.pem;", (ROOT / "deploy/nginx/footfall.conf").read_text())
        self.assertEqual([inside[at] for at in shown], ["./tls"] * 2)

    def test_what_is_secret_goes_into_no_image_and_no_commit(self):
        ignored = (ROOT / ".gitignore").read_text().split()
        left_out = (DOCKER / "Dockerfile.dockerignore").read_text().split()
        for secret in ("cluster.key", "tls", ".env"):
            self.assertIn(f"deploy/docker/{secret}", [line.rstrip("/") for line in ignored])
            self.assertIn(f"deploy/docker/{secret}", left_out)

    def test_nothing_of_it_may_more_than_it_needs(self):
        for name, settings in services():
            if name in ("compose.cluster.yaml: redis", "compose.cluster.yaml: nginx"):
                continue  # the images' own ways; nginx begins as root, to listen on port 80
            with self.subTest(name):
                self.assertIs(settings["read_only"], True)
                self.assertEqual((settings["cap_drop"], settings["security_opt"]), (["ALL"], ["no-new-privileges:true"]))
                self.assertIn("tmpfs", settings)
                if name.startswith("compose.yaml"):
                    self.assertNotEqual(settings["user"].split(":")[0], "0")
            for port in settings.get("ports", []):
                if name.startswith("compose.yaml"):
                    self.assertTrue(port.startswith("127.0.0.1:"), f"{name}: {port} is open to everybody")
            self.assertRegex(settings["image"], r"^footfall$|:[v\d]", "which release it is")

    def test_prometheus_and_grafana_are_told_what_is_there(self):
        compose = COMPOSES["compose.yaml"]["services"]
        scraped = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
        host, port = scraped["scrape_configs"][0]["static_configs"][0]["targets"][0].split(":")
        self.assertEqual(compose[host]["environment"]["FOOTFALL_METRICS_LISTEN"], f"0.0.0.0:{port}")
        self.assertEqual(scraped["scrape_configs"][0]["job_name"], "footfall")
        inside = {volume.split(":")[1]: (DOCKER / volume.split(":")[0]).resolve() for of in ("prometheus", "grafana") for volume in compose[of]["volumes"]}
        for rules in scraped["rule_files"]:
            self.assertEqual(inside[f"/etc/prometheus/{rules}"], ROOT / "deploy/prometheus/alerts.yml")
        provider = yaml.safe_load((DOCKER / "grafana/dashboards.yaml").read_text())["providers"][0]
        self.assertEqual(inside[provider["options"]["path"]], ROOT / "deploy/grafana")
        source = yaml.safe_load((DOCKER / "grafana/datasources.yaml").read_text())["datasources"][0]
        self.assertIn(re.match(r"http://(\w+):9090$", source["url"])[1], compose)


if __name__ == "__main__":
    if not (BUILD / "footfalld").exists():
        print("footfalld is not built: skipped")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
