"""Starts the programs under test; each prints one line of JSON when it is ready."""

import json
import os
import pathlib
import selectors
import subprocess
import time

READY_SECONDS_MAX = 60
END_SECONDS_MAX = 15


class Program:
    """A child process that is ended with its tests, and that must end by itself when it is asked to."""

    def __init__(self, name: str, command: list[str], folder: pathlib.Path, environment: dict[str, str] | None = None):
        self.name = name
        self.log = folder / f"{name}.log"
        variables = {key: value for key, value in os.environ.items() if key not in INHERITED_SECRETS}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=variables | (environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            self.ready = json.loads(self._first_line())
        except BaseException:
            self.process.kill()
            raise

    def _first_line(self) -> bytes:
        deadline = time.monotonic() + READY_SECONDS_MAX
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise AssertionError(f"{self.name} was not ready in {READY_SECONDS_MAX} s\n{self.log_tail()}")
                piece = os.read(self.process.stdout.fileno(), 4096)
                if not piece:
                    raise AssertionError(f"{self.name} ended with {self.process.wait()}\n{self.log_tail()}")
                line += piece
        return line

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def stop(self) -> int:
        """Asks the program to end and gives its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self.name} did not end within {END_SECONDS_MAX} s\n{self.log_tail()}") from None


# A developer's own credentials must never reach a test.
INHERITED_SECRETS = {
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HUG_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "TOLLGATE_ADMIN_KEY",
}


def path_from(variable: str) -> str:
    """A program under test; `cargo xtask test` says where it is."""
    value = os.environ.get(variable)
    if not value:
        raise AssertionError(f"{variable} is not set: start these tests with `cargo xtask test --clients-only`")
    return value
