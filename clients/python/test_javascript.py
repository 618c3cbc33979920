"""The official OpenAI SDK for JavaScript: each file of `clients/javascript` is run by Node's own test runner."""

import pytest

from conftest import MODEL
from gateway import Account
from javascript import FOLDER, run_node


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.test.js")))
def test_with_node(account: Account, name: str):
    told = {"TOLLGATE_URL": account.gateway.url, "TOLLGATE_KEY": account.key, "TOLLGATE_MODEL": MODEL}
    done = run_node(["--test", "--test-reporter=spec", name], FOLDER, told)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert account.settled_receipts(1), "no call of the SDK reached the gateway"
