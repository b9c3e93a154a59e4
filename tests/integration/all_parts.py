# SPDX-License-Identifier: Apache-2.0
"""A daemon with all its parts: TLS, syslog, one of several nodes. It exports every metric that there is."""
import pathlib
import shutil
import tempfile

from footfall import Daemon, free_port
from redis_server import Redis, until
from tls_test import make_certificate


def daemon_with_all_parts(case):
    """Started; it goes with the test case, and its Redis too."""
    at = pathlib.Path(tempfile.mkdtemp(prefix="footfall-parts-"))
    case.addCleanup(shutil.rmtree, at)
    redis = Redis(append=False)
    case.addCleanup(redis.close)
    certificate, key = make_certificate(at)
    cluster_key = at / "cluster-key"
    cluster_key.touch(mode=0o600)
    cluster_key.write_text("0f" * 32)
    daemon = Daemon("--threads", "1", "--listen", f"tls:127.0.0.1:{free_port()}", "--tls-certificate", str(certificate), "--tls-key", str(key),
                    "--syslog-listen", f"unix:{at}/log", "--redis", f"redis://127.0.0.1:{redis.port}", "--node", "a", "--cluster-key", str(cluster_key))
    case.addCleanup(daemon.close)
    daemon.start()
    until(lambda: "footfall_redis_clock_ahead_seconds" in daemon.metrics(), "it does not ask Redis what time it is there")
    return daemon
