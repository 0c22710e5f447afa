"""The image is small in rights, and holds what the service needs to run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from service.config import Settings
from tests.deploy.manifests import DEPLOY, ROOT

CONTAINERFILE = DEPLOY / "container" / "Containerfile"
STEPS = DockerfileParser(fileobj=CONTAINERFILE.open("rb")).structure


def values(instruction: str) -> list[str]:
    return [step["value"] for step in STEPS if step["instruction"] == instruction]


def environment() -> dict[str, str]:
    pairs = " ".join(values("ENV")[1:]).split()
    return dict(pair.split("=", 1) for pair in pairs)


def test_it_does_not_run_as_root_and_says_how_it_is() -> None:
    assert values("USER") == ["10001:10001"]
    (check,) = values("HEALTHCHECK")
    assert "/readyz" in check
    assert json.loads(values("ENTRYPOINT")[0]) == ["lencds"]
    assert json.loads(values("CMD")[-1])[:3] == ["serve", "--host", "0.0.0.0"]


def test_both_stages_begin_with_a_pinned_version() -> None:
    images = [value.split()[0] for value in values("FROM")]
    assert len(set(images)) == 1
    assert images[0].startswith("python:3.")


def test_everything_it_copies_is_there_and_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [name for value in values("COPY") if "--from" not in value for name in value.split()[:-1]]
    assert {"cds_hooks", "service", "uv.lock"} <= set(copied)
    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_its_settings_are_settings() -> None:
    ours = {name: value for name, value in environment().items() if name.startswith("LENCDS_")}
    settings = Settings.load({**ours, "LENCDS_AUTH": "off"})
    assert settings.sqlite_file == Path("/var/lib/lencds/lencds.sqlite3")
    assert settings.spool_dir == Path("/var/lib/lencds/spool")
    assert "/var/lib/lencds" in values("VOLUME")[0]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the build stage installs, made by the build backend."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_every_file_of_both_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "service", "cds_hooks"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(tracked) > 300
    assert set(tracked) <= packed


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="needs root to mount read-only")
def test_it_answers_from_a_read_only_file_system(wheel: Path, tmp_path: Path) -> None:
    """The wheel, unpacked and mounted read-only as in the image, needs nothing of the source tree beside it."""
    installed, data = tmp_path / "installed", tmp_path / "data"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    data.mkdir()
    script = tmp_path / "call.py"
    script.write_text(
        "import os, sys\n"
        "from service.app import create_app\n"
        "from service.config import Settings\n"
        "import service; assert service.__file__.startswith(sys.argv[1]), service.__file__\n"
        "app = create_app(Settings.load(dict(os.environ)))\n"
        "answer = app.test_client().get('/readyz', headers={'Host': '127.0.0.1'})\n"
        "print(answer.status_code, answer.json['status'])\n"
        "try: open(os.path.join(sys.argv[1], 'written'), 'w')\n"
        "except OSError as error: print(error.strerror)\n"
    )
    mounts = (
        f"mount --bind {installed} {installed} && mount -o remount,bind,ro {installed}"
        f" && exec {sys.executable} {script} {installed}"
    )
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(installed),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(data),
        "LENCDS_AUTH": "off",
        "LENCDS_DATABASE_URL": f"sqlite:///{data}/lencds.sqlite3",
        "LENCDS_SPOOL_DIR": f"{data}/spool",
    }
    command = ["unshare", "--mount", "sh", "-c", mounts]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this machine does not let the test mount anything")
    assert done.stdout.splitlines() == ["200 ready", "Read-only file system"], done.stderr
