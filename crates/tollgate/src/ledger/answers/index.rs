//! Which requests are running under an idempotency key, and which have a kept answer. Pure: the time is passed in.

use std::collections::{HashMap, VecDeque};

use domain::CallId;

use super::{AnswerEntry, Mark, Place, Scope};

/// Expired entries that one step drops, so that none waits long for the lock.
const EVICTED_AT_ONCE: usize = 1_024;

/// What the index may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) entries_per_scope: usize,
    pub(super) bytes_per_scope: u64,
    pub(super) bytes_per_answer: u64,
    pub(super) entries: usize,
}

/// Why a request is not the first with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The first one is still running.
    Running,
    /// The key was used for another request.
    OtherRequest,
    /// Its answer is stored.
    Kept,
    /// It was answered, and the answer was too large to be kept.
    TooLarge(Option<CallId>),
    /// As many requests are remembered as may be: no new one is taken, and no old one forgotten.
    Full,
}

#[derive(Debug)]
pub(super) struct Index {
    bounds: Bounds,
    entries: HashMap<Place, Entry>,
    scopes: HashMap<Scope, Usage>,
    /// Kept entries, the oldest first. One that was replaced meanwhile is passed over.
    expiring: VecDeque<(i64, Place)>,
}

#[derive(Debug)]
struct Entry {
    request: [u8; 32],
    /// Room taken for its body; `None` before it has one, and for one that is kept without.
    bytes: Option<u64>,
    kept: Option<Kept>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    call: Option<CallId>,
    expires_at_ms: i64,
}

#[derive(Debug, Default)]
struct Usage {
    entries: usize,
    bytes: u64,
}

impl Index {
    /// The index of stored answers, in the order in which they expire.
    pub(super) fn open(bounds: Bounds, stored: Vec<AnswerEntry>) -> Index {
        let mut index = Index {
            bounds,
            entries: HashMap::with_capacity(stored.len()),
            scopes: HashMap::new(),
            expiring: VecDeque::with_capacity(stored.len()),
        };
        for one in stored {
            index.insert(&one.mark);
            index.take_room(&one.mark.place, one.bytes.map(u64::from));
            index.keep(&one.mark.place, one.call, one.expires_at_ms);
        }
        index
    }

    /// Notes that a request runs, unless one with its key has run before.
    pub(super) fn claim(&mut self, mark: Mark, now_ms: i64) -> Result<(), Taken> {
        self.evict(now_ms);
        if let Some(entry) = self.entries.get(&mark.place) {
            if entry.kept.is_none_or(|kept| now_ms < kept.expires_at_ms) {
                return Err(entry.taken(&mark));
            }
            self.remove(&mark.place);
        }
        if !self.has_room(mark.place.scope) {
            return Err(Taken::Full);
        }
        self.insert(&mark);
        Ok(())
    }

    /// Takes room for the body of a running request; `false` when there is none.
    pub(super) fn reserve(&mut self, place: &Place, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let used = self.scopes.get(&place.scope).map_or(0, |usage| usage.bytes);
        let fits = bytes <= self.bounds.bytes_per_answer
            && used.checked_add(bytes).is_some_and(|sum| sum <= self.bounds.bytes_per_scope);
        if fits {
            self.take_room(place, Some(bytes));
        }
        fits
    }

    /// Notes that the answer of a running request is stored.
    pub(super) fn keep(&mut self, place: &Place, call: Option<CallId>, expires_at_ms: i64) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.kept = Some(Kept { call, expires_at_ms });
            self.expiring.push_back((expires_at_ms, *place));
        }
    }

    /// Forgets a running request.
    pub(super) fn release(&mut self, place: &Place) {
        if self.entries.get(place).is_some_and(|entry| entry.kept.is_none()) {
            self.remove(place);
        }
    }

    /// Forgets answers that have expired, the oldest first.
    pub(super) fn evict(&mut self, now_ms: i64) {
        for _ in 0..EVICTED_AT_ONCE {
            let Some((expires_at_ms, place)) = self.expiring.front().copied() else { return };
            if now_ms < expires_at_ms {
                return;
            }
            self.expiring.pop_front();
            let kept = self.entries.get(&place).and_then(|entry| entry.kept);
            if kept.is_some_and(|kept| kept.expires_at_ms == expires_at_ms) {
                self.remove(&place);
            }
        }
    }

    fn has_room(&self, scope: Scope) -> bool {
        let in_scope = self.scopes.get(&scope).map_or(0, |usage| usage.entries);
        in_scope < self.bounds.entries_per_scope && self.entries.len() < self.bounds.entries
    }

    fn insert(&mut self, mark: &Mark) {
        self.entries.insert(mark.place, Entry { request: mark.request, bytes: None, kept: None });
        self.scopes.entry(mark.place.scope).or_default().entries += 1;
    }

    fn take_room(&mut self, place: &Place, bytes: Option<u64>) {
        let Some(entry) = self.entries.get_mut(place) else { return };
        let usage = self.scopes.entry(place.scope).or_default();
        usage.bytes = usage.bytes + bytes.unwrap_or(0) - entry.bytes.unwrap_or(0);
        entry.bytes = bytes;
    }

    fn remove(&mut self, place: &Place) {
        let Some(entry) = self.entries.remove(place) else { return };
        let Some(usage) = self.scopes.get_mut(&place.scope) else { return };
        usage.entries -= 1;
        usage.bytes -= entry.bytes.unwrap_or(0);
        if usage.entries == 0 {
            self.scopes.remove(&place.scope);
        }
    }
}

impl Entry {
    fn taken(&self, mark: &Mark) -> Taken {
        match (self.kept, self.bytes) {
            _ if self.request != mark.request => Taken::OtherRequest,
            (None, _) => Taken::Running,
            (Some(_), Some(_)) => Taken::Kept,
            (Some(kept), None) => Taken::TooLarge(kept.call),
        }
    }
}

#[cfg(test)]
mod tests;
