//! Limits of rate and of open calls: who is refused, what they are told, and when there is room again.

use std::sync::Arc;

use hyper::Method;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client::Reply;
use crate::harness::{Gateway, answers, ask, ask_model};
use crate::limited::{Member, gateway, message, total_tokens};
use crate::rates::Rates;

/// A limit that a second call runs into.
struct Row {
    limit: &'static str,
    status: u16,
    code: &'static str,
    kind: &'static str,
    /// How the message goes on after whose limit it is.
    says: &'static str,
    /// `retry-after-ms`, for those that free by themselves.
    retry_after_ms: Option<&'static str>,
}

const RATE: Row = Row {
    limit: "",
    status: 429,
    code: "rate_limit_exceeded",
    kind: "rate_limit_error",
    says: "",
    retry_after_ms: None,
};

const QUOTA: Row = Row { code: "quota_exceeded", kind: "insufficient_quota", ..RATE };
const MONEY: Row = Row { status: 402, code: "spend_cap_reached", ..QUOTA };

#[tokio::test]
async fn each_limit_says_whose_it_is_and_when_it_frees() {
    let rows = [
        Row {
            limit: "requests_per_minute = 30\nrequests_burst = 1",
            says: " is limited to 30 requests a minute, and 1 at once. There is room again in 2000 ms.",
            retry_after_ms: Some("2000"),
            ..RATE
        },
        Row {
            limit: "tokens_per_minute = 600\ntokens_burst = 100",
            says: " is limited to 600 tokens a minute, and 100 at once. There is room again in ",
            retry_after_ms: Some(""),
            ..RATE
        },
        Row {
            limit: "requests_per_day = 1",
            says: " has used 1 of its 1 requests a day. It starts anew at 2026-01-31T00:00:00",
            ..QUOTA
        },
        Row {
            limit: "requests_per_week = 1",
            says: " requests a week. It starts anew at 2026-02-02T",
            ..QUOTA
        },
        Row {
            limit: "requests_per_month = 1",
            says: " requests a month. It starts anew at 2026-02-01T",
            ..QUOTA
        },
        Row { limit: "requests_total = 1", says: " in all. It does not start anew", ..QUOTA },
        Row {
            limit: "tokens_per_day = 100",
            says: " of its 100 tokens a day. It starts anew at 2026-01-31T",
            ..QUOTA
        },
        Row { limit: "tokens_total = 100", says: " of its 100 tokens in all", ..QUOTA },
        Row {
            limit: "spend_per_day = \"0.00015\"",
            says: " left until 2026-01-31T00:00:00.000Z of its cap of $0.00015 a day. Ask for a higher cap",
            ..MONEY
        },
        Row { limit: "spend_total = \"0.00015\"", says: " left of its cap of $0.00015 in all. Ask", ..MONEY },
    ];
    let plan =
        |(at, row): (usize, &Row)| format!("[plans.account{at}]\n{0}\n[plans.key{at}.key]\n{0}\n", row.limit);
    let (gateway, _time) = gateway(&rows.iter().enumerate().map(plan).collect::<String>()).await;
    for (at, row) in rows.iter().enumerate() {
        for (plan, whose) in [(format!("account{at}"), "The account"), (format!("key{at}"), "The key")] {
            let member = gateway.member(&plan).await;
            row.check(&member, whose).await;
            let other = gateway.client.with_key(&gateway.new_key(&member.account).await);
            let again = other.chat(&long_answer()).await.status;
            assert_eq!(again == 200, whose == "The key", "the other key of {plan}: {again}");
        }
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// Of some 80 tokens: 16 of the prompt and 64 of the answer.
fn long_answer() -> serde_json::Value {
    ask("Tell me something of some length [[sim tokens=64]]")
}

impl Row {
    async fn check(&self, member: &Member, whose: &str) {
        let first = member.client.chat(&long_answer()).await;
        assert_eq!(first.status, 200, "{}: {first:?}", self.limit);
        let second = member.client.chat(&long_answer()).await;
        let error = &second.json()["error"];
        let said = message(&second);
        assert_eq!(
            (second.status.as_u16(), error["code"].as_str(), error["type"].as_str()),
            (self.status, Some(self.code), Some(self.kind)),
            "{}: {said}",
            self.limit
        );
        assert!(said.contains(self.says), "{}: {said}", self.limit);
        assert!(said.to_lowercase().contains(&whose.to_lowercase()), "{whose}: {said}");
        let frees = self.retry_after_ms.is_some();
        assert_eq!(second.headers.contains_key("retry-after"), frees, "{said}");
        assert_eq!(second.headers.contains_key("retry-after-ms"), frees, "{said}");
        assert_eq!(second.header("x-should-retry"), if frees { "" } else { "false" }, "{said}");
        if let Some(ms) = self.retry_after_ms.filter(|ms| !ms.is_empty()) {
            assert_eq!(second.header("retry-after-ms"), ms);
        }
        assert!(!second.call_id().is_empty(), "a refusal names its call");
    }
}

#[tokio::test]
async fn where_the_rates_stand_is_on_every_reply() {
    let (gateway, _time) = gateway(
        "[plans.p]\nrequests_per_minute = 60\nrequests_burst = 7\ntokens_per_minute = 60000\n\
         [plans.p.key]\nrequests_per_minute = 6\nrequests_burst = 8\n",
    )
    .await;
    let member = gateway.member("p").await;
    let standing = |reply: &Reply| {
        ["limit-requests", "remaining-requests", "reset-requests", "limit-tokens"]
            .map(|name| reply.header(&format!("x-ratelimit-{name}")).to_owned())
    };
    let whole = member.client.chat(&ask("Hello")).await;
    // Of the account, which is nearer to its end than the key.
    assert_eq!((whole.status.as_u16(), standing(&whole)), (200, ["7", "6", "1s", "60000"].map(String::from)));
    let stream = member.client.stream(&ask("Hello")).await;
    assert_eq!(stream.headers["x-ratelimit-remaining-requests"], "5");
    assert!(stream.rest().await.done);
    // A refusal takes a request as well, so that nobody sends them for nothing.
    for (status, remaining, reset, body) in [
        (400, "4", "3s", "{}".to_owned()),
        (404, "3", "4s", ask_model("no/such-model", "Hello").to_string()),
        (402, "2", "5s", json!({"model": "openai/gpt-oss-120b", "messages": [{"role": "user", "content": "Hi"}], "n": 100, "max_tokens": 100_000}).to_string()),
    ] {
        let reply = member.client.post("/v1/chat/completions", body).await;
        assert_eq!((reply.status.as_u16(), standing(&reply)), (status, ["7", remaining, reset, "60000"].map(String::from)));
    }
    let failed = member.client.chat(&ask("Hello [[sim status=500]]")).await;
    assert_eq!((failed.status.as_u16(), failed.header("x-ratelimit-remaining-requests")), (502, "1"));
    assert_eq!(member.client.chat(&ask("Hello")).await.status, 200);
    let refused = member.client.chat(&ask("Hello")).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-ratelimit-remaining-requests")), (429, "0"));
    assert_eq!(refused.header("x-ratelimit-reset-requests"), "7s");
    // Who has no limits is told of none.
    let unlimited = gateway.client.chat(&ask("Hello")).await;
    assert!(unlimited.headers.keys().all(|name| !name.as_str().starts_with("x-ratelimit")));
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn refusals_are_limited_as_calls_are_and_beyond_the_rate_they_leave_nothing() {
    let (gateway, _time) = gateway("[plans.p]\nrequests_per_minute = 1\nrequests_burst = 3\n").await;
    let member = gateway.member("p").await;
    let nowhere = ask_model("no/such-model", "Hello").to_string();
    let mut statuses = Vec::new();
    for body in [nowhere.as_str(), "{}", nowhere.as_str(), nowhere.as_str(), "{}"] {
        statuses.push(member.client.post("/v1/chat/completions", body.to_owned()).await.status.as_u16());
    }
    for _ in 0..200 {
        assert_eq!(member.client.chat(&ask("Hello")).await.status, 429);
    }
    assert_eq!(statuses, [404, 400, 404, 429, 429]);
    let kept = gateway.admin.get(&format!("/admin/activity?account={}", member.account)).await.json();
    assert_eq!(kept["total"], 3, "the refusals that the rate let through: {kept}");
    let metrics = gateway.admin.get("/metrics").await;
    let line = "tollgate_refusals_total{code=\"rate_limit_exceeded\"} 202";
    assert!(String::from_utf8_lossy(&metrics.body).contains(line), "and all of them are counted");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn who_waits_as_long_as_told_is_served_and_who_waits_less_is_not() {
    let (gateway, time) = gateway("[plans.p]\nrequests_per_minute = 7\nrequests_burst = 5\n").await;
    let member = gateway.member("p").await;
    let served = async || member.client.chat(&ask("Hello")).await;
    for _ in 0..5 {
        assert_eq!(served().await.status, 200, "the burst");
    }
    for _ in 0..3 {
        let refused = served().await;
        let wait: i64 = refused.header("retry-after-ms").parse().expect("milliseconds");
        let seconds: i64 = refused.header("retry-after").parse().expect("seconds");
        assert!(
            refused.status == 429 && wait <= seconds * 1_000 && wait > (seconds - 1) * 1_000,
            "{wait} {seconds}"
        );
        time.pass_ms(wait - 1);
        assert_eq!(served().await.status, 429, "a millisecond too early");
        time.pass_ms(1);
        assert_eq!(served().await.status, 200);
    }
    time.pass_ms(3_600_000);
    for at in 0..6 {
        assert_eq!(served().await.status, if at < 5 { 200 } else { 429 }, "a full burst, and no more");
    }
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn tokens_are_trued_up_and_a_finished_answer_is_never_discarded() {
    let (gateway, time) = gateway("[plans.p]\ntokens_per_minute = 6000\ntokens_burst = 2000\n").await;
    let remaining = async |member: &Member| {
        let probe = member.client.post("/v1/chat/completions", "{}").await;
        probe.header("x-ratelimit-remaining-tokens").parse::<u64>().expect("a count")
    };
    // A short answer gives back what it was expected to be longer.
    let short = gateway.member("p").await;
    let mut body = ask("Hello [[sim tokens=8]]");
    body["max_tokens"] = json!(1_500);
    let answer = short.client.chat(&body).await;
    assert!(answer.header("x-ratelimit-remaining-tokens").parse::<u64>().expect("a count") < 500, "expected");
    assert_eq!(remaining(&short).await, 2_000 - total_tokens(&answer.json()));
    // A long one is delivered to its end, and owed for.
    let long = gateway.member("p").await;
    let mut body = ask("Hello [[sim tokens=5000]]");
    body.as_object_mut().expect("an object").remove("max_tokens");
    let answer = long.client.chat(&body).await;
    let used = total_tokens(&answer.json());
    assert!(answer.status == 200 && used >= 5_000, "{used}");
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "stop");
    assert_eq!(remaining(&long).await, 0);
    let refused = long.client.chat(&ask("Hello")).await;
    let wait: u64 = refused.header("retry-after-ms").parse().expect("milliseconds");
    // 6,000 a minute are 100 ms for ten.
    let owed_ms = (used - 2_000) * 10;
    assert!(refused.status == 429 && wait >= owed_ms && wait < owed_ms + 1_000, "{wait} for {owed_ms}");
    time.pass_ms(i64::try_from(wait).expect("a wait"));
    assert_eq!(long.client.chat(&ask("Hello")).await.status, 200);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// Begins `count` equal calls at once, which answer their statuses.
fn at_once(member: &Member, count: usize, script: &str) -> JoinSet<u16> {
    let start = Arc::new(Barrier::new(count));
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let (client, start) = (member.client.clone(), Arc::clone(&start));
        let body = ask(&format!("Hello [[sim {script}]]")).to_string();
        calls.spawn(async move {
            start.wait().await;
            let reply = client.send(Method::POST, "/v1/chat/completions", body).await;
            Reply::read(reply).await.status.as_u16()
        });
    }
    calls
}

#[tokio::test]
async fn a_thousand_calls_at_once_get_exactly_what_the_limit_allows() {
    let (gateway, _time) = gateway(
        "[plans.rate]\nrequests_per_minute = 1\nrequests_burst = 37\n[plans.open.key]\nconcurrent = 37\n\
         [plans.day]\nrequests_per_day = 37\n",
    )
    .await;
    for plan in ["rate", "open", "day"] {
        let member = gateway.member(plan).await;
        let calls = at_once(&member, 1_000, &format!("held={plan}"));
        let statuses = answers(calls, 37, plan, &gateway.sim).await;
        let count = |wanted: u16| statuses.iter().filter(|&&status| status == wanted).count();
        assert_eq!((count(200), count(429)), (37, 963), "{plan}");
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_cap_on_money_is_not_a_nano_dollar_over_under_a_thousand_calls() {
    let body = ask("Hello [[sim tokens=64 held=cap]]");
    let hold = Rates::HELD.hold(&body, 64);
    // Three and a half holds.
    let cap = crate::rates::nanos(u128::from(hold.nanos().unsigned_abs()) * 7 / 2);
    let (gateway, _time) = gateway(&format!("[plans.p.key]\nspend_total = \"{cap}\"\n")).await;
    let member = gateway.member("p").await;
    let statuses = answers(at_once(&member, 1_000, "tokens=64 held=cap"), 3, "cap", &gateway.sim).await;
    let count = |wanted: u16| statuses.iter().filter(|&&status| status == wanted).count();
    assert_eq!((count(200), count(402)), (3, 997));
    let books = crate::books::Books { admin: &gateway.admin, account: &member.account };
    assert!(books.balance().await.spent <= cap, "{:?} {cap}", books.balance().await);
    books.check().await;
    // And it is used up as far as a call fits.
    while member.client.chat(&body).await.status == 200 {}
    let spent = books.balance().await.spent;
    assert!(spent <= cap && cap.saturating_sub(spent) < hold, "{spent} of {cap}");
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn keys_that_nobody_has_leave_no_trace() {
    let gateway = Gateway::start().await;
    let before = gateway.admin.get(&format!("/admin/accounts/{}/keys", gateway.account)).await.body;
    let mut flood = JoinSet::new();
    for from in 0..20 {
        let client = gateway.client.clone();
        flood.spawn(async move {
            for at in 0..100 {
                let stranger = client.with_key(&format!("tg-{from:020}{at:023}"));
                let reply = stranger.chat(&ask("Hello")).await;
                assert_eq!(reply.status, 401);
                assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("x-ratelimit")));
            }
        });
    }
    flood.join_all().await;
    assert_eq!(gateway.admin.get(&format!("/admin/accounts/{}/keys", gateway.account)).await.body, before);
    assert!(gateway.books().receipts().await.is_empty() && gateway.chats().is_empty());
    assert!(gateway.finish().await);
}
