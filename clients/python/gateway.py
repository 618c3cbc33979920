"""A running gateway, its accounts and their ledger, by the admin API and plain `urllib`."""

import decimal
import json
import pathlib
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from decimal import Decimal

from programs import Program, path_from

PROVIDER_TOKEN = "hf_simulated_token"
ADMIN_KEY = "an-admin-key-for-tests-only-0123456789"
SETTLE_SECONDS_MAX = 20

CONFIG = """
[server]
keep_alive_ms = 300

[providers.huggingface]
base_url = "{router_url}"
api_key = "env:HUG_API_KEY"

[providers.local]
base_url = "{model_url}"

[models."smollm2-135m"]
provider = "local"
context_length = 8192
price = {{ input = "0.10", output = "0.40" }}

# The same server again, where it completes texts as they are.
[providers.texts]
base_url = "{model_url}"
completions = "openai"
catalogue = "none"

[models."smollm2-135m-text"]
provider = "texts"
upstream_model = "smollm2-135m"
context_length = 8192
price = {{ input = "0.10", output = "0.40" }}

[models."openai-community/gpt2"]
provider = "huggingface"
kind = "completions"
price = {{ input = "0.10", output = "0.10" }}

[models."BAAI/bge-m3"]
provider = "huggingface"
kind = "embeddings"
price = {{ input = "0.10" }}
"""


class Gateway:
    """`tollgate serve` on free ports, with the simulator as Hugging Face and a real model as `local`."""

    def __init__(self, folder: pathlib.Path, router_url: str, model_url: str):
        self.simulator_url = router_url.removesuffix("/v1")
        self.data_dir = folder / "data"
        config = folder / "tollgate.toml"
        config.write_text(CONFIG.format(router_url=router_url, model_url=model_url))
        command = [path_from("TOLLGATE_BIN"), "serve", "--json", "--config", str(config)]
        command += ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", str(self.data_dir)]
        secrets = {"HUG_API_KEY": PROVIDER_TOKEN, "TOLLGATE_ADMIN_KEY": ADMIN_KEY}
        # Everything is logged, so that the end of the suite can show that no secret was.
        self.program = Program("tollgate", command, folder, secrets | {"TOLLGATE_LOG": "trace"})
        self.secrets = list(secrets.values())
        self.url: str = self.program.ready["url"].rstrip("/")
        self.admin_url: str = self.program.ready["admin_url"].rstrip("/")

    def admin(self, method: str, path: str, body: dict | None = None) -> dict:
        return fetch(method, f"{self.admin_url}{path}", ADMIN_KEY, body)

    def account(self, name: str, grant: str = "1.00") -> "Account":
        account_id = self.admin("POST", "/admin/accounts", {"name": name})["id"]
        granted = {"amount": grant, "reference": f"grant for {name} {account_id}"}
        self.admin("POST", f"/admin/accounts/{account_id}/grants", granted)
        key = self.admin("POST", f"/admin/accounts/{account_id}/keys", {"name": name})["secret"]
        self.secrets.append(key)
        return Account(self, account_id, key)

    def model_saw(self, mark: str) -> list[dict]:
        """The chats and completions with this text in them, as they reached the simulator; oldest first."""
        return [body for body in calls_seen_by(self.simulator_url) if mark in json.dumps(body)]

    def assert_log_has_none_of(self, prompts: set[str]) -> None:
        """No key, no token and no prompt of the whole suite is in the log, which is at its most talkative."""
        log = self.program.log.read_text(errors="replace")
        assert "TRACE" in log, "the log is not at trace level"
        # Shown by their number: a failure must not repeat them.
        leaked = [at for at, secret in enumerate(self.secrets) if secret in log]
        assert not leaked, f"secrets in the log, by their order: {leaked}"
        assert prompts, "no prompt was seen at the simulator"
        told = [prompt[:40] for prompt in prompts if prompt in log]
        assert not told, f"prompts in the log: {told}"

    def audit(self) -> dict:
        """The books, read by a process of its own after the gateway has ended."""
        command = [path_from("TOLLGATE_BIN"), "audit", "--json", "--data-dir", str(self.data_dir)]
        done = subprocess.run(command, cwd=self.data_dir, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"audit ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Account:
    gateway: Gateway
    id: str
    key: str

    def balance(self) -> dict[str, Decimal]:
        balance = self.gateway.admin("GET", f"/admin/accounts/{self.id}")["balance"]
        return {name: Decimal(balance[name]) for name in ("granted", "available", "held", "spent")}

    def receipts(self) -> list[dict]:
        """Newest first."""
        answer = self.gateway.admin("GET", f"/admin/activity?account={self.id}&limit=100")
        return answer["data"] if isinstance(answer, dict) else answer

    def settled_balance(self) -> dict[str, Decimal]:
        """The balance once nothing is held: endings without a client settle a moment later."""
        return wait_for(self.balance, lambda balance: balance["held"] == 0, "a hold is still open")

    def settled_receipts(self, count: int) -> list[dict]:
        return wait_for(self.receipts, lambda receipts: len(receipts) >= count, f"fewer than {count} receipts")

    def generation(self, call_id: str) -> dict:
        """The receipt of a call, as its owner sees it."""
        return fetch("GET", f"{self.gateway.url}/v1/generation?id={call_id}", self.key)["data"]

    def settled_generation(self, call_id: str) -> dict:
        self.settled_balance()
        return self.generation(call_id)

    def assert_books_agree(self) -> None:
        """What holds after any test: nothing held, nothing lost, and the receipts add up to what was spent."""
        balance = self.settled_balance()
        assert balance["granted"] == balance["available"] + balance["spent"], balance
        charged = sum((Decimal(receipt["cost"]) for receipt in self.receipts()), Decimal(0))
        assert charged == balance["spent"], f"receipts say {charged}, the account says {balance}"


def calls_seen_by(simulator_url: str) -> list[dict]:
    """The bodies of all chats and completions that reached the simulator."""
    with urllib.request.urlopen(f"{simulator_url}/_sim/requests", timeout=30) as reply:
        requests = json.load(reply)["requests"]
    return [json.loads(request["body"]) for request in requests if request["path"].endswith("/completions")]


def text_of(message: dict) -> str:
    """What a chat message says, whether it is one text or parts."""
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def wait_for(read, is_done, complaint: str):
    """Reads until the condition holds; the last value is in the complaint."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while True:
        value = read()
        if is_done(value):
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {SETTLE_SECONDS_MAX} s, {complaint}: {value}")
        time.sleep(0.02)


def fetch(method: str, url: str, key: str, body: dict | None = None) -> dict:
    """One JSON call; numbers with a point come back exact, as `Decimal`."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return exact(reply.read())
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {url} answered {error.code}: {error.read().decode()}") from error


def exact(text: bytes | str) -> dict:
    return json.loads(text, parse_float=decimal.Decimal)
