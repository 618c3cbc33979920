//! Deeds: what a request makes or changes. What is written and the answer that is kept for its repeats are one
//! transaction, so that neither is ever there without the other.

use std::fmt;
use std::pin::Pin;

use super::answers::Keep;
use super::store::Store;
use super::{Ledger, LedgerError};

/// What runs in the deed's transaction.
type Work<T, E> = Box<dyn FnOnce(&mut dyn Store) -> Result<Written<T>, E> + Send>;

/// What is answered, and what is kept of it for those who repeat the request.
pub(crate) type Answered<R> = Result<(R, Option<Keep>), LedgerError>;

/// Something to make or to change, which happens when it is awaited: durably, and then in memory. Once it has reached the
/// writer it comes to its end, whether or not somebody waits for it.
#[must_use = "nothing happens before it is awaited"]
pub struct Deed<T, E = LedgerError> {
    ledger: Ledger,
    work: Work<T, E>,
}

/// What a deed has written, and what follows in memory when that is committed.
pub(crate) struct Written<T> {
    made: T,
    then: Box<dyn FnOnce() + Send>,
}

impl<T> Written<T> {
    /// `then` is not called when the commit fails.
    pub(crate) fn new(made: T, then: impl FnOnce() + Send + 'static) -> Written<T> {
        Written { made, then: Box::new(then) }
    }
}

impl Ledger {
    /// A deed whose writing is done by `work`, which comes before its commit and changes nothing in memory itself.
    pub(crate) fn deed<T, E>(
        &self,
        work: impl FnOnce(&mut dyn Store) -> Result<Written<T>, E> + Send + 'static,
    ) -> Deed<T, E> {
        Deed { ledger: self.clone(), work: Box::new(work) }
    }
}

impl<T, E> Deed<T, E>
where
    T: Send + 'static,
    E: From<LedgerError> + Send + 'static,
{
    /// Does it. What it comes to is turned by `answer` into what is returned, and into what is kept of it, which is
    /// stored in the same transaction.
    pub(crate) async fn answered<R: Send + 'static>(
        self,
        answer: impl FnOnce(T) -> Answered<R> + Send + 'static,
    ) -> Result<R, E> {
        let Deed { ledger, work } = self;
        let clock = ledger.clock().clone();
        let done = ledger.on_writer(move |store| Ok(perform(store, clock.now_ms(), work, answer)));
        done.await?
    }
}

impl<T, E> IntoFuture for Deed<T, E>
where
    T: Send + 'static,
    E: From<LedgerError> + Send + 'static,
{
    type Output = Result<T, E>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.answered(|made| Ok((made, None))))
    }
}

impl<T, E> fmt::Debug for Deed<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deed").finish_non_exhaustive()
    }
}

fn perform<T, R, E: From<LedgerError>>(
    store: &mut dyn Store,
    at_ms: i64,
    work: Work<T, E>,
    answer: impl FnOnce(T) -> Answered<R>,
) -> Result<R, E> {
    let (reply, keep, then) = in_transaction(store, |store| -> Result<_, E> {
        let Written { made, then } = work(store)?;
        let (reply, keep) = answer(made)?;
        if let Some(keep) = &keep {
            store.keep_answer(&keep.answer, at_ms)?;
        }
        Ok((reply, keep, then))
    })?;
    then();
    if let Some(Keep { claim, answer }) = keep {
        claim.keep(answer.call, at_ms);
    }
    Ok(reply)
}

/// Commits what `work` has written, or nothing of it where it fails.
fn in_transaction<T, E: From<LedgerError>>(
    store: &mut dyn Store,
    work: impl FnOnce(&mut dyn Store) -> Result<T, E>,
) -> Result<T, E> {
    store.begin()?;
    let done = work(store).and_then(|done| {
        store.commit()?;
        Ok(done)
    });
    if done.is_err() {
        store.roll_back();
    }
    done
}
