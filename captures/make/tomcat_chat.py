"""Capture of Tomcat's chat example, driven by two tabs of headless Chromium.

Debian packages: tomcat10, tomcat10-examples, chromium; npm package: playwright-core.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import recording
from asked import asked

PORT = 9006
HOME = Path("/usr/share/tomcat10")
EXAMPLES = Path("/usr/share/tomcat10-examples/examples")
SERVER = f"""<Server port="-1">
 <Service name="Catalina">
  <Connector port="{PORT}" address="127.0.0.1" protocol="HTTP/1.1"/>
  <Engine name="Catalina" defaultHost="localhost">
   <Host name="localhost" appBase="webapps" autoDeploy="false" deployOnStartup="false">
    <Context path="/examples" docBase="{EXAMPLES}"/>
   </Host>
  </Engine>
 </Service>
</Server>
"""


def start(base: Path) -> subprocess.Popen[bytes]:
    for name in ("conf", "logs", "temp", "webapps", "work"):
        (base / name).mkdir()
    (base / "conf" / "server.xml").write_text(SERVER)
    defaults = Path("/etc/tomcat10/web.xml")
    (base / "conf" / "web.xml").write_bytes(defaults.read_bytes())
    command = [
        "java",
        "-cp",
        f"{HOME}/bin/bootstrap.jar:{HOME}/bin/tomcat-juli.jar",
        f"-Dcatalina.home={HOME}",
        f"-Dcatalina.base={base}",
        f"-Djava.io.tmpdir={base}/temp",
        "org.apache.catalina.startup.Bootstrap",
        "start",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(120):
        time.sleep(0.5)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/examples/websocket/chat.xhtml")
        except (urllib.error.URLError, OSError):
            continue
        return process
    process.kill()
    raise RuntimeError("Tomcat did not start")


def main() -> None:
    asked(__doc__)
    recording.isolate()
    modules = recording.node_modules("playwright-core")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        base.mkdir()
        tomcat = start(base)
        path = Path(folder) / "tomcat-chat.pcap"
        try:
            with recording.capture(path, pattern=f"tcp port {PORT}"):
                url = f"http://127.0.0.1:{PORT}/examples/websocket/chat.xhtml"
                events = recording.run_node(Path(__file__).with_suffix(".js"), modules, url)
        finally:
            os.kill(tomcat.pid, signal.SIGTERM)
            tomcat.wait()
        version = next(event["text"] for event in events if event["event"] == "version")
        upgrades = recording.tshark_fields(path, "http.upgrade && http.request", "tcp.srcport")
        for event in events:
            # The browser does not say its port; the tabs upgraded one after the other.
            if "port" in event:
                event["port"] = int(upgrades[event["port"]][0])
        package = recording.program_version("dpkg-query", "-W", "tomcat10")
        recording.publish(
            path,
            path.name,
            description="Tomcat's chat example in two tabs of Chromium, with the page's HTTP",
            generator="tomcat_chat.py",
            programs=[" ".join(package.split()), version],
            events=[event for event in events if "port" in event],
        )


if __name__ == "__main__":
    main()
