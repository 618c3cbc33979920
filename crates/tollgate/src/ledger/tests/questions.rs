//! Questions about usage against a naive count over every call: whatever is asked, and whatever is rolled up by then.

use std::time::Duration;

use domain::calendar::DAY_MS;
use domain::{AccountKind, KeyId, Outcome, Receipt, Usage};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use tempfile::TempDir;

use super::treasury::{ADA, BOB, METER, grant, new_account};
use super::{money, receipt};

use crate::ledger::sqlite::SqliteStore;
use crate::ledger::sqlite::usage::{self, UsageReader};
use crate::ledger::store::{RollupStore, Settlement, Treasury};
use crate::ledger::usage::{Calls, Cursor, Ended};

pub(super) const START_MS: i64 = 1_795_000_000_000;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const CALLS: u128 = 400;

const FILE: &str = "ledger.db";

/// However busy the machine is.
const TIME_ENOUGH: Duration = Duration::from_secs(3_600);

/// A database with calls of two accounts over forty days.
pub(super) struct History {
    folder: TempDir,
    store: SqliteStore,
    pub(super) reader: UsageReader,
    pub(super) calls: Vec<Receipt>,
}

fn reader(folder: &TempDir, question_time_max: Duration) -> UsageReader {
    UsageReader::open(&folder.path().join(FILE), question_time_max).unwrap()
}

impl History {
    /// With the first `rolled` calls in the rollups.
    pub(super) fn new(rolled: usize) -> History {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(&folder.path().join(FILE)).unwrap();
        for account in [ADA, BOB] {
            store.create_account(&new_account(account, AccountKind::Prepaid)).unwrap();
            grant(&mut store, account, 1_000_000, "first").unwrap();
        }
        let mut history = History { reader: reader(&folder, TIME_ENOUGH), folder, store, calls: Vec::new() };
        let calls: Vec<_> = (1..=CALLS).map(call).collect();
        history.settle(&calls[..rolled]);
        history.roll_up();
        history.settle(&calls[rolled..]);
        history
    }

    /// What answers no question that takes longer than this.
    pub(super) fn impatient(&self, question_time_max: Duration) -> UsageReader {
        reader(&self.folder, question_time_max)
    }

    pub(super) fn roll_up(&mut self) {
        usage::catch_up(self.store.database().unwrap()).unwrap();
    }

    pub(super) fn settle(&mut self, calls: &[Receipt]) {
        let settlement = |receipt: &Receipt| Settlement {
            answer: None,
            turn: None,
            receipt: receipt.clone(),
            kind: AccountKind::Prepaid,
            hold: money(1_000),
        };
        let batch: Vec<_> = calls.iter().map(settlement).collect();
        self.store.settle(&batch, START_MS + 50 * DAY_MS).unwrap();
        self.calls.extend_from_slice(calls);
    }

    /// What a naive reader finds, newest first.
    fn naive(&self, asked: &Calls) -> Vec<u128> {
        let found = self.calls.iter().rev().filter(|call| matches(call, asked));
        found.map(|call| call.call.to_bits()).collect()
    }
}

/// The `n`-th call: its values are spread by numbers that share no factor.
fn call(n: u128) -> Receipt {
    let pick = |of: u128, salt: u128| (n * 7_919 + n * n * salt) % of;
    let (outcome, status) = [
        (Outcome::Complete, 200),
        (Outcome::Complete, 200),
        (Outcome::Refused, 404),
        (Outcome::UpstreamError, 502),
        (Outcome::Refused, 402),
        (Outcome::ClientGone, 200),
    ][pick(6, 3) as usize];
    let text = |texts: [&str; 4], salt| {
        Some(texts[pick(4, salt) as usize].to_owned()).filter(|text| !text.is_empty())
    };
    let sent = outcome != Outcome::Refused;
    Receipt {
        key: KeyId::from_bits(pick(3, 5)),
        started_at_ms: START_MS + i64::try_from(pick(40 * 24 * 60, 11)).unwrap() * 60_000,
        model_served: text(["a/b", "a/b", "100%_'\"", "c"], 13).filter(|_| sent),
        provider: text(["huggingface", "local", "huggingface", "huggingface"], 17)
            .filter(|_| sent)
            .map(Into::into),
        usage: Usage {
            input: 10,
            cached_input: 3,
            output: u64::try_from(pick(90, 19)).unwrap(),
            reasoning: 1,
        },
        outcome,
        status,
        session: text(["", "s1", "%", ""], 23),
        label: text(["", "", "nightly", "_"], 29),
        first_token_us: Some(u64::try_from(pick(2_000_000, 31)).unwrap()),
        total_us: 3_000_000,
        ..receipt(if pick(3, 37) == 0 { BOB } else { ADA }, n, 5)
    }
}

pub(super) fn model_of(call: &Receipt) -> Option<String> {
    let unnamed = call.status == 400 || call.status == 404;
    call.model_served.clone().filter(|_| !unnamed)
}

pub(super) fn matches(call: &Receipt, asked: &Calls) -> bool {
    let model = model_of(call);
    let provider = call.provider.as_deref().map(str::to_owned);
    let same = |asked: &Option<String>, has: &Option<String>| asked.is_none() || asked == has;
    asked.account.is_none_or(|account| account == call.account)
        && asked.key.is_none_or(|key| key == call.key)
        && asked.from_ms.is_none_or(|from_ms| call.started_at_ms >= from_ms)
        && asked.to_ms.is_none_or(|to_ms| call.started_at_ms < to_ms)
        && same(&asked.model, &model)
        && same(&asked.provider, &provider)
        && same(&asked.session, &call.session)
        && same(&asked.label, &call.label)
        && asked.ended.is_none_or(|ended| match ended {
            Ended::Class(class) => call.status / 100 == class,
            Ended::Status(status) => call.status == status,
            Ended::Outcome(outcome) => call.outcome == outcome,
        })
}

pub(super) fn questions() -> impl Strategy<Value = Calls> {
    let account = option::of(prop_oneof![Just(ADA), Just(ADA), Just(BOB), Just(METER)]);
    let key = option::of((0..5u128).prop_map(KeyId::from_bits));
    // Whole days and hours, odd minutes, and what no clock shows.
    let time = || {
        prop_oneof![
            (-2..45i64).prop_map(|day| (START_MS / DAY_MS + day) * DAY_MS),
            (-2..1_000i64).prop_map(|hour| (START_MS / HOUR_MS + hour) * HOUR_MS),
            (0..40 * DAY_MS).prop_map(|ms| START_MS + ms),
            select(vec![i64::MIN, 0, i64::MAX]),
        ]
    };
    let text = |texts: &[&str]| {
        let hostile = ["%", "_", "' OR 1=1 --", "\"; DROP TABLE receipts", "a\0b"];
        let all = texts.iter().chain(&hostile).map(|text| (*text).to_owned()).collect::<Vec<_>>();
        prop_oneof![3 => Just(None), 2 => option::of(select(all))]
    };
    let ended = option::of(prop_oneof![
        (1..6u16).prop_map(Ended::Class),
        select(vec![200u16, 402, 404, 502, 599]).prop_map(Ended::Status),
        select(Outcome::ALL.to_vec()).prop_map(Ended::Outcome),
    ]);
    let times = (option::of(time()), option::of(time()));
    let texts =
        (text(&["a/b", "c", "100%_'\""]), text(&["huggingface", "local"]), text(&["s1"]), text(&["nightly"]));
    (account, key, times, texts, ended).prop_map(|(account, key, times, texts, ended)| Calls {
        account,
        key,
        from_ms: times.0,
        to_ms: times.1,
        model: texts.0,
        provider: texts.1,
        session: texts.2,
        label: texts.3,
        ended,
    })
}

/// Every page of a question, and the calls on them.
fn read_all(reader: &mut UsageReader, calls: &Calls, limit: u32) -> Vec<u128> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = reader.activity(calls, cursor, limit).unwrap();
        assert!(page.receipts.len() <= limit as usize);
        found.extend(page.receipts.iter().map(|stored| stored.receipt.call.to_bits()));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return found,
        }
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(16))]

    #[test]
    fn pages_and_totals_are_what_a_naive_reader_finds(
        rolled in prop_oneof![Just(0), Just(CALLS as usize), 0..CALLS as usize],
        asked in proptest::collection::vec((questions(), 1..60u32), 40),
    ) {
        let mut history = History::new(rolled);
        for (calls, limit) in &asked {
            let expected = history.naive(calls);
            prop_assert_eq!(history.reader.total(calls).unwrap(), expected.len() as u64, "{:?}", calls);
            prop_assert_eq!(read_all(&mut history.reader, calls, *limit), expected, "{:?}", calls);
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one(seq in 1..i64::MAX, text in any::<String>()) {
        let cursor = Cursor(seq);
        prop_assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
        if let Some(cursor) = Cursor::parse(&text) {
            prop_assert_eq!(cursor.to_text(), text);
        }
    }
}

#[test]
fn every_call_is_on_one_page_while_new_ones_arrive() {
    let mut history = History::new(300);
    let all = Calls { account: Some(ADA), ..Calls::default() };
    let expected = history.naive(&all);
    let (mut found, mut cursor, mut next) = (Vec::new(), None, CALLS + 1);
    loop {
        let page = history.reader.activity(&all, cursor, 7).unwrap();
        found.extend(page.receipts.iter().map(|stored| stored.receipt.call.to_bits()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        let calls: Vec<_> = (next..next + 5).map(call).collect();
        next += 5;
        history.settle(&calls);
        usage::catch_up(history.store.database().unwrap()).unwrap();
    }
    assert_eq!(found, expected);
}

#[test]
fn all_calls_of_an_account_are_found_without_a_look_at_the_rollups() {
    let mut history = History::new(300);
    let all = Calls { account: Some(ADA), ..Calls::default() };
    history.store.database().unwrap().execute_batch("DELETE FROM usage_days").unwrap();
    assert_eq!(read_all(&mut history.reader, &all, 50), history.naive(&all));
}
