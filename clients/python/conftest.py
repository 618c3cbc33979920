"""What every test gets: a gateway that runs for the whole session, and an account of its own with one dollar.

The harness checks what nobody remembers to: after each test its account's books agree, and after the last one the
gateway ends with exit code 0 and `tollgate audit` finds no violation and nothing held.
"""

import pathlib

import anthropic
import openai
import pytest

from gateway import Account, Gateway, calls_seen_by
from programs import Program, path_from

# A model of the simulator with several priced offers.
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
REAL_MODEL = "smollm2-135m"
# "Hello" may stand in a log for many reasons.
PROMPT_LENGTH_MIN = 12
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    server = [path_from("REAL_LLM_PYTHON"), str(ROOT / "xtask/real-llm/server.py"), "--port", "0", "--json"]
    simulator = [path_from("HF_SIM_BIN"), "--listen", "127.0.0.1:0", "--json"]
    model = Program("real-llm", server, folder)
    router = Program("hf-sim", simulator, folder)
    running = Gateway(folder, router.ready["url"], model.ready["base_url"])
    yield running
    prompts = prompts_in(calls_seen_by(running.simulator_url))
    exit_code = running.program.stop()
    router.stop()
    model.stop()
    assert exit_code == 0, f"the gateway ended with {exit_code}\n{running.program.log_tail()}"
    audit = running.audit()
    assert audit["ok"] is True and audit["violations"] == [], audit
    assert float(audit["held"]) == 0, audit
    running.assert_log_has_none_of(prompts)


def prompts_in(calls: list[dict]) -> set[str]:
    """The texts of all messages and prompts, but for those too short to mean anything in a log."""
    texts = set()
    for call in calls:
        contents = [message.get("content") for message in call.get("messages", [])]
        contents += call["prompt"] if isinstance(call.get("prompt"), list) else [call.get("prompt")]
        texts.update(text for text in contents if isinstance(text, str) and len(text) >= PROMPT_LENGTH_MIN)
    return texts


@pytest.fixture
def account(gateway: Gateway, request: pytest.FixtureRequest):
    """One dollar; the marker `grant` names another sum."""
    marker = request.node.get_closest_marker("grant")
    account = gateway.account(request.node.name, marker.args[0] if marker else "1.00")
    yield account
    account.assert_books_agree()


@pytest.fixture
def client(account: Account):
    """The official SDK as shipped: two retries, its own back-off."""
    with openai.OpenAI(base_url=f"{account.gateway.url}/v1", api_key=account.key) as client:
        yield client


@pytest.fixture
def hasty(client: openai.OpenAI) -> openai.OpenAI:
    """The SDK without retries."""
    return client.with_options(max_retries=0)


@pytest.fixture
def claude(account: Account):
    """Anthropic's SDK, without retries."""
    with anthropic.Anthropic(base_url=account.gateway.url, api_key=account.key, max_retries=0) as client:
        yield client


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "grant(amount): the dollars that the test's account starts with")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A filter that names a Rust test selects nothing here; that is no failure."""
    if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.option.keyword:
        session.exitstatus = pytest.ExitCode.OK
