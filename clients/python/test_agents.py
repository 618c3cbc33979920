"""Coding agents as people start them: one turn without a person, in which the agent runs a command and tells of it.

The simulator is the model. Its script asks for one call of the agent's own shell tool, and what it says of the result
begins with that result; so the command's output can only be in the agent's last words if every step went through.
"""

import json
import pathlib

import pytest

from conftest import MODEL
from gateway import Account
from javascript import PACKAGES, run_node

COMMAND = "cat toll.txt | tee receipt.txt"
CODEX = PACKAGES / "@openai/codex/bin/codex.js"
CLAUDE_CODE = PACKAGES / "@anthropic-ai/claude-code/cli-wrapper.cjs"
CODEX_CONFIG = """
model = "{model}"
model_provider = "tollgate"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.tollgate]
name = "Tollgate"
base_url = "{url}/v1"
env_key = "TOLLGATE_KEY"
wire_api = "responses"
"""


def order(tool: str, arguments: dict) -> str:
    return f"Pay the toll. [[sim call={tool} arguments={json.dumps(json.dumps(arguments))}]]"


@pytest.fixture
def project(tmp_path: pathlib.Path, account: Account) -> pathlib.Path:
    """A folder to work in; what the file in it says is known to nobody else."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "toll.txt").write_text(f"paid-{account.id}")
    return folder


def assert_done(done, project: pathlib.Path, account: Account, dialect: str):
    told = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, told
    assert (project / "receipt.txt").is_file(), told
    assert (project / "receipt.txt").read_text() == f"paid-{account.id}"
    assert "The tool says: " in done.stdout and f"paid-{account.id}" in done.stdout, told
    receipts = account.settled_receipts(2)
    assert [(receipt["dialect"], receipt["outcome"]) for receipt in receipts] == [(dialect, "complete")] * 2
    # The agent's own name of its conversation.
    assert receipts[0]["session"] and receipts[0]["session"] == receipts[1]["session"]


def test_codex(project: pathlib.Path, account: Account):
    home = project.parent / "codex"
    home.mkdir()
    (home / "config.toml").write_text(CODEX_CONFIG.format(model=MODEL, url=account.gateway.url))
    # The command is our own; the agent's sandbox asks for rights that a container may not have.
    options = ["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access"]
    done = run_node(
        [CODEX, *options, order("exec_command", {"cmd": COMMAND})],
        project,
        {"HOME": str(home), "CODEX_HOME": str(home), "TOLLGATE_KEY": account.key},
    )
    assert_done(done, project, account, "responses")


@pytest.mark.parametrize("credential", ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"])
def test_claude_code(project: pathlib.Path, account: Account, credential: str):
    settings = {
        "ANTHROPIC_BASE_URL": account.gateway.url,
        "ANTHROPIC_MODEL": MODEL,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": MODEL,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CONFIG_DIR": str(project.parent / "claude"),
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
        "HOME": str(project.parent / "claude"),
        credential: account.key,
    }
    prompt = order("Bash", {"command": COMMAND, "description": "Pays the toll"})
    done = run_node([CLAUDE_CODE, "--print", prompt, "--allowedTools", "Bash"], project, settings)
    assert_done(done, project, account, "messages")
