//! The index against a list that is searched from one end to the other.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::{Bounds, Index, Taken};
use crate::ledger::answers::{AnswerEntry, Mark, Place, Scope};
use domain::CallId;

const BOUNDS: Bounds =
    Bounds { entries_per_scope: 3, bytes_per_scope: 100, bytes_per_answer: 60, entries: 5 };

/// How long an answer is kept here.
const KEPT_MS: i64 = 100;

/// One step of a schedule.
#[derive(Clone, Copy, Debug)]
enum Step {
    Claim(u8, u8, u8),
    /// Ends a running request: `None` frees it, and a size keeps it, with its body if there is room.
    End(u8, u8, Option<u8>),
    Wait(u8),
    Evict,
    Restart,
}

/// What is remembered of a request.
#[derive(Clone, Debug)]
struct Row {
    mark: Mark,
    bytes: Option<u32>,
    expires_at_ms: Option<i64>,
}

/// The naive index.
#[derive(Default)]
struct List(Vec<Row>);

impl List {
    fn forget(&mut self, now_ms: i64) {
        self.0.retain(|row| row.expires_at_ms.is_none_or(|at| now_ms < at));
    }

    fn claim(&mut self, mark: Mark, now_ms: i64) -> Result<(), Taken> {
        self.forget(now_ms);
        if let Some(row) = self.0.iter().find(|row| row.mark.place == mark.place) {
            return Err(match row {
                _ if row.mark.request != mark.request => Taken::OtherRequest,
                Row { expires_at_ms: None, .. } => Taken::Running,
                Row { bytes: Some(_), .. } => Taken::Kept,
                Row { bytes: None, .. } => Taken::TooLarge(Some(call())),
            });
        }
        let in_scope = self.0.iter().filter(|row| row.mark.place.scope == mark.place.scope).count();
        if in_scope >= BOUNDS.entries_per_scope || self.0.len() >= BOUNDS.entries {
            return Err(Taken::Full);
        }
        self.0.push(Row { mark, bytes: None, expires_at_ms: None });
        Ok(())
    }

    fn end(&mut self, place: Place, size: Option<u8>, now_ms: i64) -> bool {
        let of_scope = self.0.iter().filter(|row| row.mark.place.scope == place.scope);
        let used: u64 = of_scope.filter_map(|row| row.bytes).map(u64::from).sum();
        let running = |row: &Row| row.mark.place == place && row.expires_at_ms.is_none();
        let Some(at) = self.0.iter().position(running) else { return false };
        let Some(size) = size else {
            self.0.remove(at);
            return false;
        };
        let fits =
            u64::from(size) <= BOUNDS.bytes_per_answer && used + u64::from(size) <= BOUNDS.bytes_per_scope;
        self.0[at].bytes = fits.then_some(u32::from(size));
        self.0[at].expires_at_ms = Some(now_ms + KEPT_MS);
        fits
    }

    /// What a store would have of it.
    fn stored(&self) -> Vec<AnswerEntry> {
        let entry = |row: &Row| {
            let expires_at_ms = row.expires_at_ms?;
            Some(AnswerEntry { mark: row.mark, call: Some(call()), bytes: row.bytes, expires_at_ms })
        };
        let mut entries: Vec<_> = self.0.iter().filter_map(entry).collect();
        entries.sort_by_key(|entry| entry.expires_at_ms);
        entries
    }
}

fn call() -> CallId {
    CallId::from_bits(7)
}

fn place(scope: u8, name: u8) -> Place {
    Place { scope: Scope::from_bytes([scope; 16]), name: [name; 32] }
}

/// Ends a request in the index as a claim does.
fn end(index: &mut Index, place: Place, size: Option<u8>, now_ms: i64) -> bool {
    let running = index.entries.get(&place).is_some_and(|entry| entry.kept.is_none());
    match size.filter(|_| running) {
        None => {
            index.release(&place);
            false
        }
        Some(size) => {
            let fits = index.reserve(&place, usize::from(size));
            index.keep(&place, Some(call()), now_ms + KEPT_MS);
            fits
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3u8, 0..3u8, 0..2u8).prop_map(|(scope, name, request)| Step::Claim(scope, name, request)),
        4 => (0..3u8, 0..3u8, any::<Option<u8>>()).prop_map(|(scope, name, size)| {
            Step::End(scope, name, size.map(|size| size % 80))
        }),
        2 => (0..60u8).prop_map(Step::Wait),
        1 => Just(Step::Evict),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #[test]
    fn the_index_says_what_a_list_says(steps in proptest::collection::vec(step(), 1..80)) {
        let (mut index, mut list, mut now_ms) = (Index::open(BOUNDS, Vec::new()), List::default(), 0);
        for step in steps {
            match step {
                Step::Claim(scope, name, request) => {
                    let mark = Mark { place: place(scope, name), request: [request; 32] };
                    assert_eq!(index.claim(mark, now_ms), list.claim(mark, now_ms), "{step:?}");
                }
                Step::End(scope, name, size) => {
                    let place = place(scope, name);
                    assert_eq!(
                        end(&mut index, place, size, now_ms),
                        list.end(place, size, now_ms),
                        "{step:?}"
                    );
                }
                Step::Wait(ms) => now_ms += i64::from(ms),
                Step::Evict => {
                    index.evict(now_ms);
                    list.forget(now_ms);
                }
                Step::Restart => {
                    // What was running is forgotten, and may be tried again.
                    index = Index::open(BOUNDS, list.stored());
                    list.0.retain(|row| row.expires_at_ms.is_some());
                }
            }
            check_counts(&index);
        }
    }
}

/// The counts are those of the entries.
fn check_counts(index: &Index) {
    for (scope, usage) in &index.scopes {
        let entries = index.entries.iter().filter(|(place, _)| place.scope == *scope);
        let (count, bytes) =
            entries.fold((0, 0), |(count, bytes), (_, entry)| (count + 1, bytes + entry.bytes.unwrap_or(0)));
        assert_eq!((usage.entries, usage.bytes), (count, bytes));
        assert!(count > 0, "a scope without entries is forgotten");
    }
    let scoped: usize = index.scopes.values().map(|usage| usage.entries).sum();
    assert_eq!(scoped, index.entries.len());
}

#[test]
fn an_answer_lives_to_its_last_millisecond() {
    let mut index = Index::open(BOUNDS, Vec::new());
    let mark = Mark { place: place(1, 1), request: [1; 32] };
    index.claim(mark, 0).unwrap();
    index.reserve(&mark.place, 10);
    index.keep(&mark.place, None, KEPT_MS);
    assert_eq!(index.claim(mark, KEPT_MS - 1), Err(Taken::Kept));
    assert_eq!(index.claim(mark, KEPT_MS), Ok(()));
    assert_eq!(index.claim(mark, KEPT_MS), Err(Taken::Running), "and the new one is the first again");
    index.evict(i64::MAX);
    assert_eq!(index.claim(mark, KEPT_MS), Err(Taken::Running), "what runs does not expire");
}
