//! The job that deletes kept answers once they have expired.

use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use crate::ledger::Ledger;

/// How often it looks. Answers are kept for a day, so a minute more is nothing.
const PAUSE: Duration = Duration::from_secs(60);

/// Deletes expired answers from time to time, for as long as the gateway runs.
pub(crate) async fn run_expiry(ledger: Ledger) {
    loop {
        sleep(PAUSE).await;
        if let Err(error) = ledger.forget_answers().await {
            warn!(%error, "expired answers were not deleted: the next try is in a minute");
        }
    }
}
