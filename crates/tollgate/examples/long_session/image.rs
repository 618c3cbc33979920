//! An image in the first turn of a session, and what later turns add to the disk.

use std::path::Path;

use domain::AccountKind;
use tollgate::clock::Clock;
use tollgate::ledger::{Ledger, NewAccount, StoreConfig, Terms};

use super::{Outcomes, Session, line};

/// Bytes of the image, as base64.
const IMAGE_BYTES: usize = 1 << 20;

/// Turns that go on from it.
const TURNS: usize = 1_000;

/// Tells what a first turn with an image and a thousand turns behind it add to the disk.
pub(super) async fn stored_once(path: &Path) -> Outcomes<()> {
    let mut sizes = Vec::new();
    for turns in [0, 1, TURNS + 1] {
        let ledger = Ledger::open(StoreConfig::Sqlite(path.to_owned()), Clock::System)?;
        let account = match ledger.accounts().first() {
            Some(account) => account.id,
            None => {
                let (name, kind) = ("images".to_owned(), AccountKind::Metered);
                ledger.create_account(NewAccount { name, kind, terms: Terms::default() }).await?.id
            }
        };
        let mut session = Session::of(&ledger, account)?;
        if turns > 0 {
            let image = "A".repeat(IMAGE_BYTES);
            let part =
                format!("{{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,{image}\"}},");
            session.append(&part)?.await?;
            session.grow(turns).await?;
        }
        drop(session);
        // The log is copied into the database, and goes.
        ledger.close().await;
        sizes.push(std::fs::metadata(path)?.len());
    }
    let [empty, one, many] = sizes[..] else { return Err("three sizes".into()) };
    line(&format!("a turn with an image of 1 MiB: {} bytes on disk", one - empty));
    // The third ledger has a session with the image of its own besides.
    let behind = (many - one).saturating_sub(one - empty);
    line(&format!("{TURNS} turns that go on from it: {} bytes on disk each", behind / TURNS as u64));
    Ok(())
}
