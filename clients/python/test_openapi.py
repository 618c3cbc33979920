"""Both listeners answer as their own OpenAPI descriptions say, to right and to wrong requests made from them.

Schemathesis makes the requests. A status, a media type or a shape that is not described fails, and so does a 500. The
seed is fixed, so that a failure can be repeated.
"""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from conftest import MODEL
from gateway import ADMIN_KEY, Account, Gateway, fetch

SCHEMATHESIS = pathlib.Path(sys.executable).parent / "schemathesis"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Per endpoint, beside the cases that follow from its limits: some hundred requests for a listener.
EXAMPLES_MAX = 20
# Fewer would mean that most of the description was not read.
CASES_MIN = 200
# A loaded machine takes a minute for the public listener.
SECONDS_MAX = 150

# What the provider or the store cannot do at the moment is an answer, where it is described. A 500 never is.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2XX", "4XX", 502, 503, 504]

[auth.openapi]
{scheme} = {{ bearer = {key} }}
x-api-key = {{ api_key = {key} }}

[parameters]
{parameters}
"""


@pytest.mark.timeout(SECONDS_MAX + 20)
def test_the_public_listener_answers_as_described(gateway: Gateway, tmp_path: pathlib.Path):
    account = gateway.account("described", "5.00")
    keys = f"/admin/accounts/{account.id}/keys"
    manager = gateway.admin("POST", keys, {"name": "manager", "role": "management"})["secret"]
    gateway.secrets.append(manager)
    managed = gateway.admin("POST", keys, {"name": "to be managed"})["id"]
    known = {"path.id": MODEL, "path.key": managed, "query.id": made_call(account)}
    assert_answers_as_described(gateway.url, "key", manager, known, tmp_path)


@pytest.mark.timeout(SECONDS_MAX + 20)
def test_the_admin_listener_answers_as_described(gateway: Gateway, tmp_path: pathlib.Path):
    account = gateway.account("described to operators")
    key = gateway.admin("POST", f"/admin/accounts/{account.id}/keys", {"name": "to be revoked"})["id"]
    known = {"path.account": account.id, "query.account": account.id, "path.key": key, "path.call": made_call(account)}
    assert_answers_as_described(gateway.admin_url, "admin_key", ADMIN_KEY, known, tmp_path)


def made_call(account: Account) -> str:
    call = {"model": MODEL, "messages": [{"role": "user", "content": "Describe yourself in a word."}], "max_tokens": 4}
    fetch("POST", f"{account.gateway.url}/v1/chat/completions", account.key, call)
    return account.settled_receipts(1)[0]["call_id"]


def assert_answers_as_described(url: str, scheme: str, key: str, known: dict[str, str], folder: pathlib.Path) -> None:
    """`known` gives ids that exist, so that requests reach what is behind them."""
    parameters = "\n".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in known.items())
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(scheme=scheme, key=json.dumps(key), parameters=parameters))
    command = [SCHEMATHESIS, "--config-file", config, "run", f"{url}/openapi.json", "--checks", CHECKS]
    command += ["--mode", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES_MAX)]
    command += ["--seed", "1", "--no-color"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    report = ended.stdout.replace(key, "<key>")
    assert ended.returncode == 0, f"schemathesis ended with {ended.returncode}\n{report}\n{ended.stderr}"
    generated = re.search(r"(\d+) generated, (\d+) passed", report)
    assert generated and int(generated[1]) >= CASES_MIN, report
