//! The scripts in force: those set from outside, and the counting of those that apply only a few times.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::dice::fingerprint;
use crate::directive;
use crate::lock::lock;
use crate::policy;
use crate::refusal::Refusal;
use crate::script::{Match, Rule, Script};

/// How many `times` counters of directives are remembered; the oldest is forgotten first.
const COUNTERS_MAX: usize = 10_000;

/// What a script's condition looks at.
pub(crate) struct Occasion<'a> {
    pub(crate) path: &'a str,
    /// Whether it is a call of a model; scripts without a path are about these.
    pub(crate) is_call: bool,
    pub(crate) model: &'a str,
    pub(crate) provider: &'a str,
    /// The text that may carry directives.
    pub(crate) message: &'a str,
}

#[derive(Default)]
pub(crate) struct Rules {
    /// Spares the common, unscripted request the lock.
    any: AtomicBool,
    standing: Mutex<Vec<Rule>>,
    counters: Mutex<Counters>,
}

impl Rules {
    pub(crate) fn add(&self, rule: Rule) {
        let mut standing = lock(&self.standing);
        standing.push(rule);
        self.any.store(true, Ordering::Release);
    }

    /// Forgets all scripts and all counters.
    pub(crate) fn clear(&self) {
        let mut standing = lock(&self.standing);
        standing.clear();
        self.any.store(false, Ordering::Release);
        *lock(&self.counters) = Counters::default();
    }

    /// The script for one request: standing ones in the order they were set, then the request's own directives.
    pub(crate) fn script_for(&self, occasion: &Occasion<'_>) -> Result<Script, Refusal> {
        let directives = directive::parse(occasion.message).map_err(Refusal::BadDirective)?;
        let mut script = Script::default();
        if self.any.load(Ordering::Acquire) {
            let mut standing = lock(&self.standing);
            for rule in standing.iter_mut().filter(|rule| applies(&rule.when, occasion)) {
                rule.when.times = rule.when.times.map(|left| left - 1);
                script = script.overlay(rule.then.clone());
            }
            standing.retain(|rule| rule.when.times != Some(0));
        }
        for (at, rule) in directives.into_iter().enumerate() {
            if applies(&rule.when, occasion) && self.counts(&rule.when, at, occasion.message) {
                script = script.overlay(rule.then);
            }
        }
        Ok(script)
    }

    /// Whether a directive may still apply; counts this use.
    fn counts(&self, when: &Match, at: usize, message: &str) -> bool {
        let Some(times) = when.times else { return true };
        let name = when.id.as_deref().unwrap_or(message);
        lock(&self.counters).next(fingerprint(at as u64, name.as_bytes())) <= times
    }
}

fn applies(when: &Match, occasion: &Occasion<'_>) -> bool {
    let path = match &when.path {
        Some(path) => path == occasion.path,
        None => occasion.is_call,
    };
    let model = when.model.as_deref();
    path && when.times != Some(0)
        && model.is_none_or(|model| model == occasion.model || model == policy::split(occasion.model).0)
        && when.provider.as_deref().is_none_or(|provider| provider == occasion.provider)
}

#[derive(Default)]
struct Counters {
    counts: HashMap<u64, u32>,
    order: VecDeque<u64>,
}

impl Counters {
    fn next(&mut self, name: u64) -> u32 {
        if !self.counts.contains_key(&name) {
            if self.order.len() == COUNTERS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.counts.remove(&oldest);
            }
            self.order.push_back(name);
        }
        let count = self.counts.entry(name).or_default();
        *count = count.saturating_add(1);
        *count
    }
}
