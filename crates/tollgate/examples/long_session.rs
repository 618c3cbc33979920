//! What a long session costs: adding a turn when there is one and when there are ten thousand, and reading them all.
//! `cargo run --profile dist -p tollgate --example long_session` runs it optimised.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{AccountKind, BillingRule, CallId, KeyId, Money, Outcome, Price, Usage, UsageSource};
use futures_util::future::join_all;
use tollgate::clock::Clock;
use tollgate::ledger::sessions::{Bounds, Item, NewConversation, NewTurn, Place, TurnStatus};
use tollgate::ledger::{Account, Ledger, NewAccount, Receipt, Settling, StoreConfig, Terms, ids};

type Outcomes<T> = Result<T, Box<dyn Error>>;

/// Turns that are added one by one for a measurement; the median counts.
const MEASURED: usize = 201;

/// Turns that are settled together in between.
const BATCH: usize = 250;

/// Reads of the whole history; the slowest counts.
const READS: usize = 5;

/// A question and an answer of usual length, in bytes.
const TEXT_BYTES: usize = 800;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcomes<()> {
    let turns: usize = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    for in_conversation in [false, true] {
        line(if in_conversation { "a conversation" } else { "responses that continue one another" });
        let path = folder.path().join(format!("{in_conversation}.db"));
        measure(&path, turns, in_conversation).await?;
    }
    Ok(())
}

async fn measure(path: &Path, turns: usize, in_conversation: bool) -> Outcomes<()> {
    let clock = Clock::System;
    let ledger = Ledger::open(StoreConfig::Sqlite(path.to_owned()), clock.clone())?;
    let new = NewAccount { name: "long".to_owned(), kind: AccountKind::Metered, terms: Terms::default() };
    let id = ledger.create_account(new).await?.id;
    let account = ledger.account(id).ok_or("no account")?;
    let mut session = Session { ledger: ledger.clone(), account, clock, made: 0, place: Place::Root };
    if in_conversation {
        let id = ids::conversation_id(&session.clock);
        session.place = Place::In(id);
        let new = NewConversation { id, name: None, metadata: "{}".to_owned(), items: Vec::new() };
        ledger.create_conversation(session.account.id, new).await?;
    }
    session.append_one_by_one().await?;
    while session.made < turns {
        let batch: Vec<_> = (0..BATCH).map(|_| session.append()).collect::<Result<_, _>>()?;
        for settled in join_all(batch).await {
            settled?;
        }
    }
    session.append_one_by_one().await?;
    let bounds = Bounds { items_max: usize::MAX, bytes_max: u64::MAX };
    let mut slowest = Duration::ZERO;
    let mut items = 0;
    for _ in 0..READS {
        let begun = Instant::now();
        items = ledger.history(session.account.id, session.place, bounds).await?.len();
        slowest = slowest.max(begun.elapsed());
    }
    tell(&format!("reading a history of {items} items"), slowest);
    line(&format!("counted: {} bytes", ledger.session_bytes(session.account.id)));
    drop(session);
    ledger.close().await;
    line(&format!("on disk: {} bytes, with receipts", std::fs::metadata(path)?.len()));
    Ok(())
}

/// A session that grows.
struct Session {
    ledger: Ledger,
    account: Arc<Account>,
    clock: Clock,
    made: usize,
    place: Place,
}

impl Session {
    async fn append_one_by_one(&mut self) -> Outcomes<()> {
        let from = self.made;
        let mut took = Vec::with_capacity(MEASURED);
        for _ in 0..MEASURED {
            let begun = Instant::now();
            self.append()?.await?;
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        tell(&format!("adding turn {} to {}, in the median", from + 1, self.made), took[MEASURED / 2]);
        Ok(())
    }

    /// Settles a call whose turn comes after the one before.
    fn append(&mut self) -> Outcomes<Settling> {
        let call = ids::call_id(&self.clock);
        let item = |kind: &str| Item {
            id: format!("{kind}_{:032x}", call.to_bits()),
            body: format!("{{\"text\":\"{}\"}}", "t".repeat(TEXT_BYTES)),
        };
        let turn = NewTurn {
            call,
            account: self.account.id,
            created_at_ms: self.clock.now_ms(),
            place: self.place,
            status: TurnStatus::Completed,
            background: false,
            head: format!("{{\"filler\":\"{}\"}}", "h".repeat(TEXT_BYTES)),
            input: vec![item("in")],
            output: vec![item("msg")],
        };
        self.made += 1;
        if !matches!(self.place, Place::In(_)) {
            self.place = Place::After(call);
        }
        let mut admission = self.ledger.try_admit(&self.account)?;
        admission.store_turn(Box::new(turn));
        Ok(admission.settle(receipt(&self.account, call)))
    }
}

fn receipt(account: &Account, call: CallId) -> Receipt {
    Receipt {
        call,
        account: account.id,
        key: KeyId::from_bits(1),
        started_at_ms: 0,
        dialect: "responses",
        stream: true,
        model_asked: "model".to_owned(),
        model_served: None,
        provider: None,
        inference_provider: None,
        route_reason: "catalogue: exact id".to_owned(),
        usage: Usage::default(),
        usage_source: UsageSource::Reported,
        usage_suspect: false,
        price: Some(Price::FREE),
        cost: Some(Money::ZERO),
        outcome: Outcome::Complete,
        rule: BillingRule::Reported,
        status: 200,
        error_code: None,
        first_token_us: None,
        total_us: 1_000,
        attempts: 1,
        finish_reason: None,
        upstream_id: None,
        session: None,
        label: None,
    }
}

fn tell(name: &str, took: Duration) {
    line(&format!("{name}: {:.2} ms", took.as_secs_f64() * 1e3));
}

#[expect(clippy::print_stdout, reason = "it is a program that tells its figures")]
fn line(text: &str) {
    println!("{text}");
}
