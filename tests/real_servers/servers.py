"""FHIR servers that are not ours, from the public package registries, started for the tests.

What is downloaded stays in `build/real-servers`, under the hash of the files that pin it.
"""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / "build" / "real-servers"
_DOWNLOAD_S = 180
_START_S = 240


class MissingError(Exception):
    """The server cannot be had on this machine; the message says why."""


@contextmanager
def medplum() -> Iterator[str]:
    """Run Medplum's router with its repository in memory (R4), and yield its base URL.

    Raises:
        MissingError: node, npm or the registry is not there.
    """
    node, npm = _program("node"), _program("npm")
    folder = HERE / "medplum"
    pins = (folder / "package.json", folder / "package-lock.json")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    packages = _downloaded("medplum", pins, command)
    with _running([node, str(folder / "server.mjs"), str(packages)]) as base:
        yield base


@contextmanager
def hapi(version: str) -> Iterator[str]:
    """Run the JPA server of HAPI FHIR with its database in memory, and yield its base URL.

    Args:
        version: a version of FHIR as this project names it.

    Raises:
        MissingError: nobody asked for it, or java, mvn or the registry is not there.
    """
    if os.environ.get("LENCDS_TEST_HAPI") != "1":
        raise MissingError(
            "HAPI FHIR is a download of 390 MB and takes 40 s to start: set LENCDS_TEST_HAPI=1 to run it"
        )
    java, maven = _program("java"), _program("mvn")
    folder = HERE / "hapi"
    command = [maven, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars", "-DincludeScope=runtime"]
    packages = _downloaded("hapi", (folder / "pom.xml",), command)
    name = {"STU3": "Dstu3", "DSTU2": "Dstu2"}.get(version, version)
    options = ["-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    path = os.pathsep.join((str(folder), f"{packages / 'jars'}{os.sep}*"))
    with _running([java, *options, "-cp", path, str(folder / "HapiServer.java"), name]) as base:
        yield base


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"{name} is not installed")
    return found


def _downloaded(name: str, pins: Sequence[Path], command: Sequence[str]) -> Path:
    """Return the folder with what the pinning files ask for, after downloading it on first use.

    Several test processes may come here at once: each downloads for itself, and the first one to end wins.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()[:16]
    folder = CACHE / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=CACHE))
    for path in pins:
        shutil.copy(path, fresh)
    try:
        done = subprocess.run(command, cwd=fresh, capture_output=True, timeout=_DOWNLOAD_S, check=False)
        if done.returncode == 0:
            with suppress(OSError):  # somebody else was faster
                fresh.rename(folder)
    except subprocess.TimeoutExpired:
        pass
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    if not folder.is_dir():
        raise MissingError(f"{Path(command[0]).name} could not download what {', '.join(p.name for p in pins)} ask for")
    return folder


@contextmanager
def _running(command: Sequence[str]) -> Iterator[str]:
    """Run a server while the context lasts; it prints its base URL, and ends with its standard input."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield _first_line(process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    stream = process.stdout
    assert stream is not None
    threading.Thread(target=lambda: lines.put(stream.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=_START_S).strip()
    except queue.Empty:
        line = ""
    if not line:
        raise RuntimeError(f"{Path(command_of(process)).name} did not start")
    return line


def command_of(process: subprocess.Popen[str]) -> str:
    """Return the program a process runs."""
    arguments = process.args
    return str(arguments[0]) if isinstance(arguments, list) else str(arguments)
