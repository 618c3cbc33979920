//! Quotas and caps: by the calendar of UTC, exact over restarts and kills.

use domain::Money;

use crate::books::Books;
use crate::client::Client;
use crate::crash::World;
use crate::harness::{Gateway, Setup, ask};
use crate::limited::{Time, gateway, message, total_tokens};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn a_quota_starts_anew_with_its_period() {
    let (gateway, time) = gateway(
        "[plans.day]\nrequests_per_day = 1\n[plans.week]\nrequests_per_week = 1\n\
         [plans.month]\nrequests_per_month = 1\n[plans.total]\nrequests_total = 1\n",
    )
    .await;
    let mut members = Vec::new();
    for plan in ["day", "week", "month", "total"] {
        members.push(gateway.member(plan).await);
    }
    // From Friday noon: a moment before midnight, midnight, Sunday the first, Monday, Monday in a month.
    for (pass_ms, served) in [
        (0, [200; 4]),
        (DAY_MS / 2 - 1, [429; 4]),
        (1, [200, 429, 429, 429]),
        (DAY_MS, [200, 429, 200, 429]),
        (DAY_MS, [200, 200, 429, 429]),
        (30 * DAY_MS, [200, 200, 200, 429]),
    ] {
        time.pass_ms(pass_ms);
        for (member, status) in members.iter().zip(served) {
            let reply = member.client.chat(&ask("Hello")).await;
            assert_eq!(reply.status, status, "after {pass_ms}: {reply:?}");
        }
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_was_used_is_still_used_after_a_restart() {
    let plans =
        "[plans.p]\nrequests_per_day = 4\n[plans.p.key]\ntokens_total = 100000\nspend_per_month = \"0.50\"\n";
    let time = Time::new();
    let start = async |folder| {
        let toml = plans.to_owned();
        Gateway::start_with(Setup { toml, clock: time.clock(), folder, ..Setup::default() }).await
    };
    let before = start(None).await;
    let member = before.member("p").await;
    let mut tokens = 0;
    for _ in 0..3 {
        tokens += total_tokens(&member.client.chat(&ask("Hello")).await.json());
    }
    // Neither a refused call nor one that was never sent is counted.
    assert_eq!(member.client.post("/v1/chat/completions", "{}").await.status, 400);
    let after = start(Some(before.finish_keeping().await)).await;
    let client = after.client.with_key(&member.secret);
    assert_eq!(client.chat(&ask("Hello")).await.status, 200);
    let refused = client.chat(&ask("Hello")).await;
    assert!(message(&refused).contains("The account has used 4 of its 4 requests a day"), "{refused:?}");
    // What the key has used is told to the token. The quota is more than one call asks for.
    let stricter = r#"{"key": {"tokens_total": 70}}"#;
    let after = {
        assert_eq!(after.admin.put("/admin/plans/strict", stricter).await.status, 200);
        assert_eq!(after.put_on(&member.account, Some("strict")).await.status, 200);
        let told = message(&client.chat(&ask("Hello")).await);
        let used: u64 = told
            .split("used or reserved ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .and_then(|used| used.parse().ok())
            .unwrap_or_else(|| panic!("{told}"));
        assert!(used > tokens && used < tokens * 2, "{told}: {tokens} of three of four");
        after
    };
    assert!(after.finish().await);
}

#[tokio::test]
async fn a_kill_opens_no_quota_and_no_cap() {
    let world = World::new().await;
    let plans = "[plans.p]\nrequests_total = 6\n[plans.p.key]\nspend_total = \"0.50\"\n";
    let mut served = 0;
    for round in 0..3 {
        let process = world.start_with(plans).await;
        let admin = process.admin(&world.admin_key);
        if round == 0 {
            let path = format!("/admin/accounts/{}", world.account);
            assert_eq!(admin.patch(&path, r#"{"plan": "p"}"#).await.status, 200);
        }
        let client = Client::new(&process.url(), &world.key);
        for _ in 0..2 {
            assert_eq!(client.chat(&ask("Hello")).await.status, 200);
            served += 1;
        }
        if round == 2 {
            let refused = client.chat(&ask("Hello")).await;
            assert!(message(&refused).contains("used 6 of its 6 requests in all"), "{refused:?}");
            // The key's cap, set to what was spent, leaves nothing; a nano-dollar more leaves a nano-dollar.
            let spent = Books { admin: &admin, account: &world.account }.balance().await.spent;
            let cap = Money::from_nanos(spent.nanos() + 1).expect("an amount");
            let body = format!("{{\"key\": {{\"spend_total\": \"{cap}\"}}}}");
            assert_eq!(admin.put("/admin/plans/capped", body).await.status, 200);
            let path = format!("/admin/accounts/{}", world.account);
            assert_eq!(admin.patch(&path, r#"{"plan": "capped"}"#).await.status, 200);
            let refused = client.chat(&ask("Hello")).await;
            assert_eq!(refused.status, 402);
            assert!(message(&refused).contains("the key has $0.000000001 left"), "{refused:?}");
        }
        process.kill();
        world.audit();
    }
    assert_eq!(served, 6);
}

#[tokio::test]
async fn answers_without_a_limit_of_their_own_are_held_within_what_is_left_of_a_token_quota() {
    let (gateway, _time) = gateway("[plans.p]\ntokens_total = 3000\n").await;
    let member = gateway.member("p").await;
    let endless = serde_json::json!({"model": crate::harness::MODEL,
        "messages": [{"role": "user", "content": "Tell me all. [[sim tokens=9000]]"}]});
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let (client, body) = (member.client.clone(), endless.clone());
        calls.spawn(async move { client.chat(&body).await });
    }
    let replies = calls.join_all().await;
    let served: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
    let refused = replies.iter().find(|reply| reply.status != 200).expect("a quota for one");
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "quota_exceeded"));
    let used: u64 = served.iter().map(|reply| total_tokens(&reply.json())).sum();
    // The prompt alone is estimated, so it can be a few tokens more.
    assert!(!served.is_empty() && (2_500..=3_010).contains(&used), "{used} of 3000 tokens");
    let written: u64 = served[0].header("x-tollgate-max-tokens").parse().expect("the limit that was written");
    assert!(written <= 3_000, "{written}");
    gateway.settled().await;
    assert!(gateway.finish().await);
}
