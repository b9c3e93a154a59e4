# SPDX-License-Identifier: Apache-2.0
"""An nginx of the tests' own, on loopback, with all that it writes in a directory of theirs."""
import os
import pathlib
import shutil
import subprocess

from redis_server import until

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")


class NginxServer:
    """Runs until close(). `http` is what stands in its http block."""

    def __init__(self, directory, http, workers=1):
        self.directory = pathlib.Path(directory)
        temporary = "".join(f"{of}_temp_path {directory}/{of};" for of in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.geteuid() == 0 else ""  # its workers have to reach this directory
        configuration, errors = self.directory / "nginx.conf", self.directory / "error.log"
        configuration.write_text(f"{user} daemon off; worker_processes {workers}; pid {directory}/pid; error_log {errors}; events {{}}\n"
                                 f"http {{ {temporary} {http} }}\n")
        self.process = subprocess.Popen([NGINX, "-p", str(directory), "-e", str(errors), "-c", str(configuration)])
        until(lambda: self.process.poll() is not None or (self.directory / "pid").exists(), "nginx does not start")
        assert self.process.poll() is None, errors.read_text()

    def close(self):
        self.process.terminate()
        self.process.wait(30)
