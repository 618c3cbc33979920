//! What a long session costs: in the ledger, adding a turn when there is one and when there are ten thousand, and reading
//! them; through a gateway, a call that goes on from them beside one that brings them itself. `cargo xtask bench
//! --sessions` runs it optimised.

mod image;
mod through;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{
    AccountId, AccountKind, BillingRule, CallId, KeyId, Money, Outcome, Price, Receipt, Usage, UsageSource,
};
use futures_util::future::join_all;
use tollgate::clock::Clock;
use tollgate::ledger::sessions::{Bounds, Item, NewConversation, NewTurn, Place, TurnStatus};
use tollgate::ledger::{Account, Ledger, NewAccount, Settling, StoreConfig, Terms, ids};

type Outcomes<T> = Result<T, Box<dyn Error>>;

/// Turns that are added one by one for a measurement; the median counts.
const MEASURED: usize = 201;

/// Turns that are settled together in between.
const BATCH: usize = 250;

/// Reads of the whole history; the slowest counts.
const READS: usize = 5;

/// A question and an answer of usual length, in bytes.
const TEXT_BYTES: usize = 400;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcomes<()> {
    let turns: usize = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    for in_conversation in [false, true] {
        line(if in_conversation { "a conversation" } else { "responses that continue one another" });
        let path = folder.path().join(format!("{in_conversation}.db"));
        measure(&path, turns, in_conversation).await?;
    }
    image::stored_once(&folder.path().join("image.db")).await?;
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    through::calls(&data, turns).await
}

async fn measure(path: &Path, turns: usize, in_conversation: bool) -> Outcomes<()> {
    let clock = Clock::System;
    let ledger = Ledger::open(StoreConfig::Sqlite(path.to_owned()), clock.clone())?;
    let new = NewAccount { name: "long".to_owned(), kind: AccountKind::Metered, terms: Terms::default() };
    let id = ledger.create_account(new).await?.id;
    let mut session = Session::of(&ledger, id)?;
    if in_conversation {
        let id = ids::conversation_id(&session.clock);
        session.place = Place::In(id);
        let new = NewConversation { id, name: None, metadata: "{}".to_owned(), items: Vec::new() };
        ledger.create_conversation(session.account.id, new).await?;
    }
    session.append_one_by_one().await?;
    session.grow(turns).await?;
    session.append_one_by_one().await?;
    for (what, items_max) in [("all", usize::MAX), ("the newest 30", 30)] {
        let mut slowest = Duration::ZERO;
        let mut items = 0;
        for _ in 0..READS {
            let bounds = Bounds { items_max, bytes_max: u64::MAX };
            let begun = Instant::now();
            let read = |item: Item| (item, false);
            let recent =
                ledger.recent_history(session.account.id, session.place.into(), bounds, read).await?;
            slowest = slowest.max(begun.elapsed());
            items = recent.items.len();
        }
        tell(&format!("reading {what}: {items} items"), slowest);
    }
    let (made, bytes) = (u64::try_from(session.made)?, ledger.session_bytes(session.account.id));
    drop(session);
    ledger.close().await;
    let on_disk = std::fs::metadata(path)?.len();
    line(&format!("per turn: {} bytes counted, {} on disk with its receipt", bytes / made, on_disk / made));
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
    fn of(ledger: &Ledger, account: AccountId) -> Outcomes<Session> {
        let account = ledger.account(account).ok_or("no account")?;
        Ok(Session { ledger: ledger.clone(), account, clock: Clock::System, made: 0, place: Place::Root })
    }

    /// Adds turns until there are that many.
    async fn grow(&mut self, turns: usize) -> Outcomes<()> {
        while self.made < turns {
            let batch = BATCH.min(turns - self.made);
            let batch: Vec<_> = (0..batch).map(|_| self.append("")).collect::<Result<_, _>>()?;
            for settled in join_all(batch).await {
                settled?;
            }
        }
        Ok(())
    }

    async fn append_one_by_one(&mut self) -> Outcomes<()> {
        let from = self.made;
        let mut took = Vec::with_capacity(MEASURED);
        for _ in 0..MEASURED {
            let begun = Instant::now();
            self.append("")?.await?;
            took.push(begun.elapsed());
        }
        took.sort_unstable();
        tell(&format!("adding turn {} to {}, in the median", from + 1, self.made), took[MEASURED / 2]);
        Ok(())
    }

    /// Settles a call whose turn comes after the one before. `part` stands in the question, before its text.
    fn append(&mut self, part: &str) -> Outcomes<Settling> {
        let call = ids::call_id(&self.clock);
        let item = |prefix: &str, role: &str, kind: &str, part: &str| {
            let id = format!("{prefix}_{:032x}", call.to_bits());
            let text = text();
            let content = format!("[{part}{{\"type\":\"{kind}\",\"text\":\"{text}\"}}]");
            let body = format!(
                "{{\"type\":\"message\",\"id\":\"{id}\",\"status\":\"completed\",\"role\":\"{role}\",\"content\":{content}}}"
            );
            Item { id, body }
        };
        let turn = NewTurn {
            name_if_new: None,
            call,
            account: self.account.id,
            created_at_ms: self.clock.now_ms(),
            place: self.place,
            status: TurnStatus::Completed,
            background: false,
            head: format!("{{\"filler\":\"{}\"}}", "h".repeat(TEXT_BYTES)),
            input: vec![item("in", "user", "input_text", part)],
            output: vec![item("msg", "assistant", "output_text", "")],
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

/// What every question and every answer says.
fn text() -> String {
    "so say ".repeat(TEXT_BYTES / 7)
}

fn tell(name: &str, took: Duration) {
    line(&format!("{name}: {:.2} ms", took.as_secs_f64() * 1e3));
}

#[expect(clippy::print_stdout, reason = "it is a program that tells its figures")]
fn line(text: &str) {
    println!("{text}");
}
