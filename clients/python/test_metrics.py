"""`/metrics` as Prometheus' own library reads it, which is strict about OpenMetrics."""

import urllib.error
import urllib.request

import openai
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from conftest import MODEL
from gateway import ADMIN_KEY, Account, Gateway

TYPES = {
    "tollgate_calls": "counter",
    "tollgate_refusals": "counter",
    "tollgate_attempts": "counter",
    "tollgate_retries": "counter",
    "tollgate_replays": "counter",
    "tollgate_tokens": "counter",
    "tollgate_charged_nanodollars": "counter",
    "tollgate_uncollected_nanodollars": "counter",
    "tollgate_time_to_first_token_seconds": "histogram",
    "tollgate_call_duration_seconds": "histogram",
    "tollgate_output_tokens_per_second": "histogram",
    "tollgate_calls_in_flight": "gauge",
    "tollgate_calls_in_flight_max": "gauge",
    "tollgate_connections_open": "gauge",
    "tollgate_connections_open_max": "gauge",
    "tollgate_ledger_failing": "gauge",
    "tollgate_ledger_failed_commits": "counter",
    "tollgate_ledger_commit_seconds": "histogram",
    "tollgate_ledger_commit_settlements": "histogram",
    "tollgate_catalogue_models": "gauge",
    "tollgate_catalogue_read_timestamp_seconds": "gauge",
    "tollgate_log_lines_dropped": "counter",
    "tollgate_traces_sent": "counter",
    "tollgate_traces_dropped": "counter",
    "process_start_time_seconds": "gauge",
    "tollgate_build": "info",
}


def scrape(gateway: Gateway, key: str = ADMIN_KEY) -> dict:
    request = urllib.request.Request(f"{gateway.admin_url}/metrics", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        text = reply.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def complete_calls(families: dict, provider: str) -> float:
    labels = {"provider": provider, "outcome": "complete"}
    samples = families["tollgate_calls"].samples
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def test_every_family_has_its_type_and_a_word_of_help(gateway: Gateway):
    families = scrape(gateway)
    assert TYPES.items() <= {name: family.type for name, family in families.items()}.items()
    assert all(family.documentation for family in families.values())


def test_a_call_is_counted_when_it_is_answered(account: Account, client: openai.OpenAI):
    before = complete_calls(scrape(account.gateway), "huggingface")
    client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "What is counted of this?"}], max_tokens=8)
    assert complete_calls(scrape(account.gateway), "huggingface") == before + 1


def test_metrics_are_the_operators(account: Account):
    with pytest.raises(urllib.error.HTTPError) as refused:
        scrape(account.gateway, account.key)
    assert refused.value.code == 401
