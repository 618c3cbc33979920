//! What came in and how it ended: a bounded ring of requests, the number in progress, the tokens billed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyper::header::HeaderMap;
use serde::{Serialize, Serializer};

use crate::lock::lock;
use crate::usage::Usage;

/// How many requests are kept; the oldest goes first.
const REQUESTS_MAX: usize = 4096;
/// How many bytes of bodies are kept; enough for a test, small enough for a laptop.
const BODIES_BYTES_MAX: usize = 64 << 20;

/// One request that the simulator received.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Counts requests from 1.
    pub number: u64,
    /// The HTTP method.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// Headers by lower-case name; repeated ones joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// The body, as received.
    #[serde(serialize_with = "lossy")]
    pub body: Bytes,
    /// The model as asked for, suffix included.
    pub model: Option<String>,
    /// The provider that served or refused.
    pub provider: Option<String>,
    /// The HTTP status; 0 while none is decided.
    pub status: u16,
    /// Whether the reply was played to its end, a scripted cut included. When this and `open` are false, the client
    /// went away first.
    pub completed: bool,
    /// Whether the request is still in progress.
    pub open: bool,
    /// The tokens billed for this request; told when it ends.
    pub usage: Usage,
}

impl RecordedRequest {
    /// One header's value, by lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

fn lossy<S: Serializer>(body: &Bytes, output: S) -> Result<S::Ok, S::Error> {
    output.serialize_str(&String::from_utf8_lossy(body))
}

#[derive(Default)]
pub(crate) struct Recorder {
    enabled: bool,
    open: AtomicUsize,
    requests: AtomicU64,
    billed: [AtomicU64; 4],
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    entries: VecDeque<Arc<Mutex<RecordedRequest>>>,
    bodies_bytes: usize,
}

impl Recorder {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, ..Self::default() }
    }

    /// Notes a request that has begun. Its end is when the ticket is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Ticket {
        self.open.fetch_add(1, Ordering::AcqRel);
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        Ticket { recorder: Arc::clone(self), entry: None, number, bill: Usage::default(), completed: false }
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn snapshot(&self) -> Vec<RecordedRequest> {
        lock(&self.ring).entries.iter().map(|entry| lock(entry).clone()).collect()
    }

    pub(crate) fn billed(&self) -> Usage {
        let [prompt, completion, cached, reasoning] =
            [0, 1, 2, 3].map(|at: usize| self.billed[at].load(Ordering::Acquire));
        Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            reasoning_tokens: reasoning,
        }
    }

    fn keep(&self, request: RecordedRequest) -> Arc<Mutex<RecordedRequest>> {
        let size = request.body.len();
        let entry = Arc::new(Mutex::new(request));
        let mut ring = lock(&self.ring);
        ring.bodies_bytes += size;
        ring.entries.push_back(Arc::clone(&entry));
        while ring.entries.len() > REQUESTS_MAX
            || (ring.bodies_bytes > BODIES_BYTES_MAX && ring.entries.len() > 1)
        {
            if let Some(oldest) = ring.entries.pop_front() {
                ring.bodies_bytes -= lock(&oldest).body.len();
            }
        }
        entry
    }
}

/// One request in progress.
pub(crate) struct Ticket {
    recorder: Arc<Recorder>,
    entry: Option<Arc<Mutex<RecordedRequest>>>,
    pub(crate) number: u64,
    bill: Usage,
    completed: bool,
}

impl Ticket {
    pub(crate) fn note_request(&mut self, method: &str, path: &str, headers: &HeaderMap, body: &Bytes) {
        if !self.recorder.enabled {
            return;
        }
        let mut kept = BTreeMap::<String, String>::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            kept.entry(name.as_str().to_owned())
                .and_modify(|all| {
                    all.push_str(", ");
                    all.push_str(&value);
                })
                .or_insert_with(|| value.into_owned());
        }
        self.entry = Some(self.recorder.keep(RecordedRequest {
            number: self.number,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: kept,
            body: body.clone(),
            open: true,
            ..RecordedRequest::default()
        }));
    }

    pub(crate) fn note_model(&self, model: &str) {
        self.update(|entry| entry.model = Some(model.to_owned()));
    }

    pub(crate) fn note_provider(&self, provider: &str) {
        self.update(|entry| entry.provider = Some(provider.to_owned()));
    }

    pub(crate) fn note_status(&self, status: u16) {
        self.update(|entry| entry.status = status);
    }

    /// Adds to what this request costs its caller.
    pub(crate) fn bill(&mut self, prompt_tokens: u64, cached_tokens: u64) {
        self.bill.prompt_tokens += prompt_tokens;
        self.bill.cached_tokens += cached_tokens;
    }

    /// Adds output tokens; reasoning comes first, so the first `reasoning_max` of a request are reasoning.
    pub(crate) fn bill_output(&mut self, tokens: u64, reasoning_max: u64) {
        self.bill.completion_tokens += tokens;
        self.bill.reasoning_tokens = self.bill.completion_tokens.min(reasoning_max);
    }

    pub(crate) fn complete(&mut self) {
        self.completed = true;
    }

    fn update(&self, change: impl FnOnce(&mut RecordedRequest)) {
        if let Some(entry) = &self.entry {
            change(&mut lock(entry));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let bill = self.bill;
        let parts = [bill.prompt_tokens, bill.completion_tokens, bill.cached_tokens, bill.reasoning_tokens];
        for (sum, part) in self.recorder.billed.iter().zip(parts) {
            sum.fetch_add(part, Ordering::AcqRel);
        }
        let completed = self.completed;
        self.update(|entry| {
            entry.usage = bill;
            entry.completed = completed;
            entry.open = false;
        });
        // Last, so that whoever sees no open request also sees how each ended.
        self.recorder.open.fetch_sub(1, Ordering::AcqRel);
    }
}
