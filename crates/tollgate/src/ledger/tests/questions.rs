//! Questions about usage against a naive count over every call: whatever is asked, and whatever is rolled up by then.

use domain::calendar::DAY_MS;
use domain::{AccountId, AccountKind, KeyId, Outcome, Usage};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use tempfile::TempDir;

use super::treasury::{ADA, BOB, METER, grant, new_account};
use super::{money, receipt};
use crate::ledger::Receipt;
use crate::ledger::sqlite::SqliteStore;
use crate::ledger::sqlite::usage::{self, UsageReader};
use crate::ledger::store::{RollupStore, Settlement, Treasury};
use crate::ledger::usage::{Calls, Cursor, Ended, GroupBy, Interval, SeriesQuery};

const START_MS: i64 = 1_795_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const CALLS: u128 = 400;

/// A database with calls of two accounts over forty days.
struct History {
    _folder: TempDir,
    store: SqliteStore,
    reader: UsageReader,
    calls: Vec<Receipt>,
}

impl History {
    /// With the first `rolled` calls in the rollups.
    fn new(rolled: usize) -> History {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut store = SqliteStore::open(&path).unwrap();
        for account in [ADA, BOB] {
            store.create_account(&new_account(account, AccountKind::Prepaid)).unwrap();
            grant(&mut store, account, 1_000_000, "first").unwrap();
        }
        let reader = UsageReader::open(&path).unwrap();
        let mut history = History { _folder: folder, store, reader, calls: Vec::new() };
        let calls: Vec<_> = (1..=CALLS).map(call).collect();
        history.settle(&calls[..rolled]);
        usage::catch_up(history.store.database().unwrap()).unwrap();
        history.settle(&calls[rolled..]);
        history
    }

    fn settle(&mut self, calls: &[Receipt]) {
        let settlement = |receipt: &Receipt| Settlement {
            answer: None,
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

fn matches(call: &Receipt, asked: &Calls) -> bool {
    let unnamed = call.status == 400 || call.status == 404;
    let model = call.model_served.clone().filter(|_| !unnamed);
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

fn questions() -> impl Strategy<Value = Calls> {
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
    fn series_are_the_sums_of_their_calls(
        rolled in 0..CALLS as usize,
        asked in proptest::collection::vec((questions(), select(Interval::ALL.to_vec()), select(GroupBy::ALL.to_vec())), 20),
    ) {
        let mut history = History::new(rolled);
        for (calls, interval, group_by) in asked {
            // Whole months, so that no interval is wider than what is asked for.
            let calls = Calls { from_ms: None, to_ms: None, session: None, label: None, ..calls };
            let points = history.reader.series(&SeriesQuery { calls: calls.clone(), interval, group_by }).unwrap();
            let found: Vec<_> = history.calls.iter().filter(|call| matches(call, &calls)).collect();
            let sum = |of: fn(&crate::ledger::usage::Point) -> u64| points.iter().map(of).sum::<u64>();
            prop_assert_eq!(sum(|point| point.sums.requests), found.len() as u64);
            prop_assert_eq!(sum(|point| point.sums.usage.output), found.iter().map(|call| call.usage.output).sum::<u64>());
            prop_assert_eq!(sum(|point| point.sums.charge.nanos().unsigned_abs()), found.len() as u64 * 5);
            prop_assert_eq!(sum(|point| point.sums.first_token.count()), found.len() as u64);
            let errors = found.iter().filter(|call| !matches!(call.outcome, Outcome::Complete | Outcome::ClientGone));
            prop_assert_eq!(sum(|point| point.sums.errors), errors.count() as u64);
            for pair in points.windows(2) {
                prop_assert!((pair[0].start_ms, &pair[0].group) < (pair[1].start_ms, &pair[1].group));
            }
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
fn quantiles_are_within_the_error_of_the_histogram() {
    let mut history = History::new(200);
    let calls = Calls { account: Some(ADA), ..Calls::default() };
    let query = SeriesQuery { calls: calls.clone(), interval: Interval::Month, group_by: GroupBy::None };
    let mut sums = crate::ledger::usage::Sums::default();
    history.reader.series(&query).unwrap().iter().for_each(|point| sums.add(&point.sums));
    let found = history.calls.iter().filter(|call| matches(call, &calls));
    let mut exact: Vec<_> = found.filter_map(|call| call.first_token_us).collect();
    exact.sort_unstable();
    for permille in [500, 900, 990] {
        let rank = (exact.len() * permille as usize).div_ceil(1_000).max(1);
        let (is, says) = (exact[rank - 1], sums.first_token.quantile(permille).unwrap());
        assert!(is.abs_diff(says) <= is / 32 + 1, "p{permille}: {says} instead of {is}");
    }
}

#[test]
fn a_series_of_too_many_points_is_refused() {
    let mut history = History::new(0);
    let hours = |hour: u128| Receipt {
        started_at_ms: START_MS + i64::try_from(hour).unwrap() * HOUR_MS,
        ..receipt(ADA, 10_000 + hour, 0)
    };
    let calls: Vec<_> = (0..10_001).map(hours).collect();
    history.settle(&calls);
    let series = |history: &mut History, account: AccountId| {
        let calls = Calls { account: Some(account), ..Calls::default() };
        history.reader.series(&SeriesQuery { calls, interval: Interval::Hour, group_by: GroupBy::None })
    };
    assert!(matches!(series(&mut history, ADA), Err(crate::ledger::LedgerError::TooManyPoints(10_000))));
    assert!(series(&mut history, BOB).is_ok());
}
