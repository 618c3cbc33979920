//! What usage costs on a long history: fills ledgers with a year of calls of few keys and of a thousand, times the
//! questions that people ask about them, and compares calls beside such questions with calls alone. `cargo xtask bench
//! --usage` runs it optimised.

mod beside;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::calendar::DAY_MS;
use domain::{
    AccountId, AccountKind, BillingRule, KeyId, Money, Outcome, Price, Receipt, Usage, UsageSource,
};
use futures_util::future::join_all;
use tollgate::clock::Clock;
use tollgate::ledger::usage::{Calls, Cursor, Ended, GroupBy, Interval, SeriesQuery};
use tollgate::ledger::{Ledger, LedgerError, NewAccount, StoreConfig, Terms, ids};

type Outcomes<T> = Result<T, Box<dyn Error>>;

/// Calls that are settled together.
const BATCH: u64 = 4_096;

/// Runs of each question; the slowest counts.
const RUNS: usize = 5;

/// Over what the calls of a year are spread.
#[derive(Clone, Copy, Debug)]
struct Spread {
    keys: u64,
    models: u64,
}

const FEW_KEYS: Spread = Spread { keys: 8, models: 6 };
const MANY_KEYS: Spread = Spread { keys: 1_000, models: 3 };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcomes<()> {
    let calls: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    line("A thousand keys:");
    let (ledger, account) = history(&folder.path().join("many.db"), calls, MANY_KEYS).await?;
    questions_of_many(&ledger, account).await?;
    ledger.close().await;
    line("Eight keys:");
    let (ledger, account) = history(&folder.path().join("tollgate.db"), calls, FEW_KEYS).await?;
    questions(&ledger, account, calls).await?;
    ledger.close().await;
    beside::calls(folder.path(), account).await
}

/// Fills a ledger, rolls it up, and rebuilds it.
async fn history(path: &Path, calls: u64, spread: Spread) -> Outcomes<(Ledger, AccountId)> {
    let clock = Clock::System;
    let ledger = Ledger::open(StoreConfig::Sqlite(path.to_owned()), clock.clone())?;
    let new = NewAccount { name: "busy".to_owned(), kind: AccountKind::Metered, terms: Terms::default() };
    let account = ledger.create_account(new).await?.id;
    let now_ms = clock.now_ms();
    let begun = Instant::now();
    let busy = ledger.account(account).ok_or("no account")?;
    let mut made = 0;
    while made < calls {
        let until = (made + BATCH).min(calls);
        let mut settling = Vec::new();
        for call in made..until {
            let mut admission = ledger.try_admit(&busy)?;
            admission.hold(nanos(100_000)).map_err(|refused| format!("{refused:?}"))?;
            let at_ms = now_ms - 365 * DAY_MS + i64::try_from(call * 31_536_000_000 / calls)?;
            settling.push(admission.settle(receipt(account, &clock, call, at_ms, spread)));
        }
        join_all(settling).await;
        made = until;
    }
    tell("settle, per 1,000 calls", begun.elapsed() / u32::try_from(calls / 1_000)?.max(1));
    timed("roll up what the background has left", ledger.roll_up()).await?;
    timed("rebuild", ledger.rebuild_usage()).await?;
    Ok((ledger, account))
}

/// What is asked where keys are few: single calls, and series of all kinds.
async fn questions(ledger: &Ledger, account: AccountId, calls: u64) -> Outcomes<()> {
    let now_ms = Clock::System.now_ms();
    let all = Calls { account: Some(account), ..Calls::default() };
    let failed =
        Calls { ended: Some(Ended::Class(5)), from_ms: Some(now_ms - 200 * DAY_MS + 1), ..all.clone() };
    let rare = Calls { model: Some("rare".to_owned()), ..all.clone() };
    let deep = Cursor::parse(&format!("act_{:x}", calls / 10)).ok_or("no cursor")?;
    for (name, calls, cursor) in [
        ("activity: first page and total", &all, None),
        ("activity: a page deep in the year and total", &all, Some(deep)),
        ("activity: failures of 200 days and total", &failed, None),
        ("activity: a model used once in 100,000 calls and total", &rare, None),
    ] {
        slowest(name, async || {
            ledger.activity(calls.clone(), cursor, 50).await?;
            ledger.activity_total(calls.clone()).await?;
            Ok(())
        })
        .await?;
    }
    for (name, days, interval, group_by) in [
        ("usage: a week by hour", 7, Interval::Hour, GroupBy::None),
        ("usage: a year by day", 365, Interval::Day, GroupBy::None),
        ("usage: a year by month and model", 365, Interval::Month, GroupBy::Model),
        ("usage: a year by day and key", 365, Interval::Day, GroupBy::Key),
    ] {
        series(ledger, name, SeriesQuery { calls: last_days(&all, days), interval, group_by }).await?;
    }
    Ok(())
}

/// What is asked where keys are many: by the account, for one of the keys, and by the operator.
async fn questions_of_many(ledger: &Ledger, account: AccountId) -> Outcomes<()> {
    let all = Calls { account: Some(account), ..Calls::default() };
    let of_key = Calls { key: Some(KeyId::from_bits(7)), ..all.clone() };
    for (whose, calls) in [("the account", &all), ("a key", &of_key), ("all accounts", &Calls::default())] {
        slowest(&format!("activity of {whose}: first page and total"), async || {
            ledger.activity(calls.clone(), None, 50).await?;
            ledger.activity_total(calls.clone()).await?;
            Ok(())
        })
        .await?;
        for group_by in [GroupBy::None, GroupBy::Model, GroupBy::Provider, GroupBy::Key] {
            for (days, interval) in [(7, Interval::Hour), (365, Interval::Day), (365, Interval::Month)] {
                let name = format!(
                    "usage of {whose}: {days} days by {} and {}",
                    interval.as_str(),
                    group_by.as_str()
                );
                series(ledger, &name, SeriesQuery { calls: last_days(calls, days), interval, group_by })
                    .await?;
            }
        }
    }
    Ok(())
}

/// Times a series; also one that is refused for having too many points.
async fn series(ledger: &Ledger, name: &str, query: SeriesQuery) -> Outcomes<()> {
    slowest(name, async || match ledger.series(query.clone()).await {
        Ok(_) | Err(LedgerError::TooManyPoints(_)) => Ok(()),
        Err(error) => Err(error.into()),
    })
    .await
}

/// The `n`-th call of the year: so many keys and models and one model that is rare, two providers, one failure in fifty.
fn receipt(account: AccountId, clock: &Clock, n: u64, at_ms: i64, of: Spread) -> Receipt {
    let spread = n.wrapping_mul(2_654_435_761) >> 7;
    let failed = spread.is_multiple_of(50);
    let model =
        if n % 100_000 == 77 { "rare".to_owned() } else { format!("org/model-{}", spread % of.models) };
    let output = spread % 900;
    Receipt {
        call: ids::call_id(clock),
        account,
        key: KeyId::from_bits(u128::from(spread % of.keys)),
        started_at_ms: at_ms,
        dialect: "chat",
        stream: true,
        model_asked: model.clone(),
        model_served: Some(model),
        provider: Some(Arc::from(if spread % of.models < of.models * 2 / 3 {
            "huggingface"
        } else {
            "local"
        })),
        inference_provider: Some("novita".to_owned()),
        route_reason: "found in the catalogue of huggingface; fastest".to_owned(),
        usage: Usage { input: spread % 4_000, cached_input: spread % 1_000, output, reasoning: 0 },
        usage_source: UsageSource::Reported,
        usage_suspect: false,
        price: Some(Price::FREE),
        cost: Some(nanos(i64::try_from(output).unwrap_or(0))),
        outcome: if failed { Outcome::UpstreamError } else { Outcome::Complete },
        rule: BillingRule::Reported,
        status: if failed { 502 } else { 200 },
        error_code: None,
        first_token_us: Some(50_000 + spread % 1_000_000),
        total_us: 2_000_000 + spread % 5_000_000,
        attempts: 1,
        finish_reason: Some("stop".to_owned()),
        upstream_id: Some("chatcmpl-0123456789abcdef".to_owned()),
        session: spread.is_multiple_of(3).then(|| format!("session-{}", n / 50)),
        label: None,
    }
}

fn last_days(calls: &Calls, days: i64) -> Calls {
    let now_ms = Clock::System.now_ms();
    Calls { from_ms: Some(now_ms - days * DAY_MS), to_ms: Some(now_ms), ..calls.clone() }
}

fn nanos(nanos: i64) -> Money {
    Money::saturating_from(u128::from(nanos.unsigned_abs()))
}

async fn timed<T, E>(name: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let begun = Instant::now();
    let done = work.await;
    tell(name, begun.elapsed());
    done
}

async fn slowest(name: &str, ask: impl AsyncFn() -> Outcomes<()>) -> Outcomes<()> {
    let mut slowest = Duration::ZERO;
    for _ in 0..RUNS {
        let begun = Instant::now();
        ask().await?;
        slowest = slowest.max(begun.elapsed());
    }
    tell(name, slowest);
    Ok(())
}

fn tell(name: &str, took: Duration) {
    line(&format!("{name}: {:.1} ms", took.as_secs_f64() * 1e3));
}

#[expect(clippy::print_stdout, reason = "it is a program that tells its figures")]
fn line(text: &str) {
    println!("{text}");
}
