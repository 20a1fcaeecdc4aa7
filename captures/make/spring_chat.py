"""Capture of the chat room of Spring: its SimpleBroker, Tomcat's WebSocket, three tabs of Chromium.

Debian packages: libspring-messaging-java, libspring-context-java, libtomcat9-java, chromium, a
JDK; npm packages: playwright-core, @stomp/stompjs. The server is SpringChat.java.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import recording
from asked import asked

PORT = 9050
JARS = Path("/usr/share/java")
SPRING = ("messaging", "core", "beans", "context", "aop", "web", "expression")


def class_path() -> str:
    jars = [JARS / f"spring3-{name}.jar" for name in SPRING]
    jars += [path for path in JARS.glob("tomcat9-*.jar") if "-9.0." not in path.name]
    return ":".join(map(str, [*jars, JARS / "commons-logging.jar"]))


def main() -> None:
    asked(__doc__)
    recording.isolate()
    modules = recording.node_modules("playwright-core", "@stomp/stompjs")
    source = Path(__file__).parent / "SpringChat.java"
    command = ["java", "-cp", class_path(), str(source), str(PORT)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server,
    ):
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"
        path = Path(folder) / "spring-chat.pcap"
        try:
            with recording.capture(path, pattern=f"tcp port {PORT}"):
                script = Path(__file__).with_suffix(".js")
                events = recording.run_node(script, modules, str(PORT))
        finally:
            server.terminate()
        version = next(event["text"] for event in events if event["event"] == "version")
        events = [event for event in events if event["event"] != "version"]
        upgrades = recording.tshark_fields(path, "http.upgrade && http.request", "tcp.srcport")
        for event in events:
            # The browser does not say its port; the tabs upgraded one after the other.
            event["port"] = int(upgrades[event["port"]][0])
        packages = (
            recording.program_version("dpkg-query", "-Wf", "${Package} ${Version}", name)
            for name in ("libspring-messaging-java", "libtomcat9-java")
        )
        recording.publish(
            path,
            path.name,
            description="the chat room of Spring: STOMP in three tabs of Chromium, SimpleBroker"
            " behind Tomcat's WebSocket, receipts, heart-beats",
            generator="spring_chat.py",
            programs=[version, recording.npm_version(modules, "@stomp/stompjs"), *packages],
            events=events,
        )


if __name__ == "__main__":
    main()
