//! The tokenizers in memory: which are there, which are on their way, and which do not exist.
//!
//! A tokenizer is read and fetched by one task, however many ask for it. Whoever asks waits while it is read from disk,
//! and not while it is fetched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::files::TokenizerFiles;
use super::folder::Folder;
use super::hub::{Hub, NotFetched};
use super::tokenizer::ModelTokenizer;
use crate::clock::Clock;
use crate::config::HubName;
use crate::config::{TokenizerSource, TokenizersConfig};

/// Tokenizers in memory. A large one takes some 50 MiB.
pub(super) const LOADED_MAX: usize = 8;

/// Models that are known to have a tokenizer or none. Beyond it they count as having none.
const ENTRIES_MAX: usize = 4_096;

/// Tokenizers that are read at the same time, and those that are fetched. Each takes its size in memory a few times
/// over.
const ARRIVING_MAX: usize = 2;

/// After a failed fetch, the Hub is asked again this much later, and twice as much later each time.
pub(super) const FAILED_WAIT: Duration = Duration::from_secs(60);

/// The same, where the Hub has no tokenizer.
pub(super) const MISSING_WAIT: Duration = Duration::from_secs(60 * 60);

const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// All tokenizers.
#[derive(Debug)]
pub(super) struct Shelf {
    entries: Mutex<Entries>,
    folder: Folder,
    /// Where they are fetched from; `None` when they are not.
    hub: Option<Hub>,
    reading: Semaphore,
    /// Apart from those that are read, which wait for no network.
    fetching: Semaphore,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Entries {
    by_source: HashMap<TokenizerSource, Entry>,
    /// Counts uses, to tell which was last.
    uses: u64,
}

#[derive(Debug)]
enum Entry {
    Loaded { tokenizer: Arc<ModelTokenizer>, used: u64 },
    Arriving(watch::Receiver<Step>),
    Absent(Absence),
}

/// How long a tokenizer counts as not existing.
#[derive(Clone, Copy, Debug)]
struct Absence {
    until_ns: u64,
    wait: Duration,
}

/// How far a tokenizer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Reading,
    Fetching,
    /// It is there, or is known not to be.
    Done,
}

impl Shelf {
    pub(super) fn new(config: &TokenizersConfig, clock: Clock) -> Shelf {
        Shelf {
            entries: Mutex::default(),
            folder: Folder::new(config.folder.clone(), config.disk_bytes_max),
            hub: config.fetch.then(|| Hub::new(config)),
            reading: Semaphore::new(ARRIVING_MAX),
            fetching: Semaphore::new(ARRIVING_MAX),
            clock,
        }
    }

    /// The tokenizer, if it is in memory or on disk. Otherwise it is on its way when this returns, if there is one.
    pub(super) async fn get(self: &Arc<Self>, source: &TokenizerSource) -> Option<Arc<ModelTokenizer>> {
        let mut step = match self.look(source) {
            Looked::Here(tokenizer) => return Some(tokenizer),
            Looked::Absent => return None,
            Looked::Arriving(step) => step,
        };
        // An error means that the task is gone, and has said so in the entries.
        let _ = step.wait_for(|step| *step != Step::Reading).await;
        match self.lock().use_of(source) {
            Some(Entry::Loaded { tokenizer, .. }) => Some(Arc::clone(tokenizer)),
            _ => None,
        }
    }

    /// Waits until the tokenizer is no longer on its way.
    #[cfg(test)]
    pub(super) async fn settled(&self, source: &TokenizerSource) {
        let arriving = match self.lock().by_source.get(source) {
            Some(Entry::Arriving(step)) => Some(step.clone()),
            _ => None,
        };
        if let Some(mut step) = arriving {
            let _ = step.wait_for(|step| *step == Step::Done).await;
        }
    }

    /// How many are in memory.
    #[cfg(test)]
    pub(super) fn loaded(&self) -> usize {
        self.lock().by_source.values().filter(|entry| matches!(entry, Entry::Loaded { .. })).count()
    }

    fn look(self: &Arc<Self>, source: &TokenizerSource) -> Looked {
        let now_ns = self.clock.now().mono_ns;
        let mut entries = self.lock();
        let full = entries.by_source.len() >= ENTRIES_MAX;
        let waited = match entries.use_of(source) {
            Some(Entry::Loaded { tokenizer, .. }) => return Looked::Here(Arc::clone(tokenizer)),
            Some(Entry::Arriving(step)) => return Looked::Arriving(step.clone()),
            Some(Entry::Absent(absence)) if now_ns < absence.until_ns => return Looked::Absent,
            Some(Entry::Absent(absence)) => Some(absence.wait),
            None if full => return Looked::Absent,
            None => None,
        };
        let (said, step) = watch::channel(Step::Reading);
        entries.by_source.insert(source.clone(), Entry::Arriving(step.clone()));
        drop(entries);
        let arrival = Arrival { shelf: Arc::clone(self), source: source.clone(), waited, said };
        tokio::spawn(arrival.run());
        Looked::Arriving(step)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Looked {
    Here(Arc<ModelTokenizer>),
    Arriving(watch::Receiver<Step>),
    Absent,
}

impl Entries {
    /// The entry, marked as used last.
    fn use_of(&mut self, source: &TokenizerSource) -> Option<&Entry> {
        self.uses += 1;
        let entry = self.by_source.get_mut(source)?;
        if let Entry::Loaded { used, .. } = entry {
            *used = self.uses;
        }
        Some(entry)
    }

    fn put(&mut self, source: TokenizerSource, entry: Entry) {
        self.by_source.insert(source, entry);
        let loaded = self.by_source.iter().filter_map(|(source, entry)| match entry {
            Entry::Loaded { used, .. } => Some((*used, source)),
            _ => None,
        });
        let mut loaded: Vec<_> = loaded.collect();
        if loaded.len() > LOADED_MAX {
            loaded.sort_by_key(|(used, _)| *used);
            let last = loaded[0].1.clone();
            self.by_source.remove(&last);
        }
    }
}

/// The task that brings one tokenizer. However it ends, its entry says what came of it.
struct Arrival {
    shelf: Arc<Shelf>,
    source: TokenizerSource,
    /// How long it counted as not existing before.
    waited: Option<Duration>,
    said: watch::Sender<Step>,
}

impl Arrival {
    async fn run(self) {
        match self.bring().await {
            Ok(tokenizer) => {
                let mut entries = self.shelf.lock();
                let used = entries.uses;
                entries.put(self.source.clone(), Entry::Loaded { tokenizer: Arc::new(tokenizer), used });
            }
            Err(why) => {
                let (first, text) = match why {
                    NotFetched::Missing(text) => (MISSING_WAIT, text),
                    NotFetched::Failed(text) => (FAILED_WAIT, text),
                };
                let wait = self.waited.map_or(first, |waited| first.max(waited * 2)).min(WAIT_MAX);
                let (source, retry_s) = (self.source.to_string(), wait.as_secs());
                info!(source, why = text, retry_s, "no tokenizer: prompts are bounded by their bytes");
                self.leave(wait);
            }
        }
    }

    async fn bring(&self) -> Result<ModelTokenizer, NotFetched> {
        match (self.read().await, &self.source, &self.shelf.hub) {
            (Ok(Some(tokenizer)), _, _) => Ok(tokenizer),
            (Ok(None), TokenizerSource::Hub(name), Some(hub)) => self.fetch(name, hub).await,
            (Err(error), TokenizerSource::Hub(name), Some(hub)) => {
                warn!(model = %name, error, "the tokenizer on disk is broken, and fetched anew");
                self.fetch(name, hub).await
            }
            (Ok(None), _, _) => {
                Err(NotFetched::Missing("there is no tokenizer.json in its folder".to_owned()))
            }
            (Err(error), _, _) => Err(NotFetched::Missing(error)),
        }
    }

    /// The tokenizer on disk.
    async fn read(&self) -> Result<Option<ModelTokenizer>, String> {
        let _turn = self.shelf.reading.acquire().await;
        let (shelf, source) = (Arc::clone(&self.shelf), self.source.clone());
        blocking(move || {
            let files = match &source {
                TokenizerSource::Hub(name) => shelf.folder.read(name),
                TokenizerSource::Folder(path) => TokenizerFiles::read(path),
            };
            let files = files.map_err(|error| error.to_string())?;
            files.map(|files| ModelTokenizer::load(&files, &shelf.clock)).transpose()
        })
        .await
    }

    /// The tokenizer of the Hub, which is on disk from now on.
    async fn fetch(&self, name: &HubName, hub: &Hub) -> Result<ModelTokenizer, NotFetched> {
        self.said.send_replace(Step::Fetching);
        let _turn = self.shelf.fetching.acquire().await;
        let files = hub.fetch(name).await?;
        let (shelf, name) = (Arc::clone(&self.shelf), name.clone());
        let load = move || {
            let tokenizer = ModelTokenizer::load(&files, &shelf.clock)?;
            if let Err(error) = shelf.folder.write(&name, &files) {
                warn!(model = %name, %error, "a tokenizer was not kept on disk");
            }
            Ok(tokenizer)
        };
        blocking(load).await.map_err(NotFetched::Missing)
    }

    fn leave(&self, wait: Duration) {
        let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.shelf.clock.now().mono_ns.saturating_add(wait_ns);
        self.shelf.lock().put(self.source.clone(), Entry::Absent(Absence { until_ns, wait }));
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let arriving = matches!(self.shelf.lock().by_source.get(&self.source), Some(Entry::Arriving(_)));
        if arriving {
            // The runtime ended, or the task panicked.
            self.leave(FAILED_WAIT);
        }
        self.said.send_replace(Step::Done);
    }
}

/// Runs what blocks. A file that makes the library panic is as broken as one that it refuses.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err("the tokenizer cannot be loaded".to_owned()))
}
