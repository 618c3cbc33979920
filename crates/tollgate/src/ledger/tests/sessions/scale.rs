//! A long session is stored once and not copied: its rows and its bytes are those of its turns.

use domain::{AccountKind, CallId};
use rusqlite::Connection;

use super::super::treasury::{ADA, grant, new_account, prepaid};
use super::super::{Books, open};
use super::{WIDE, after, history};
use crate::ledger::sessions::{Item, NewTurn, Place, ROW_BYTES, TurnStatus};
use crate::ledger::sqlite::SqliteStore;
use crate::ledger::store::{Settlement, Treasury};

const TURNS: u128 = 10_000;

/// In the first turn only.
const IMAGE_BYTES: usize = 1 << 20;

fn turn(call: u128) -> Settlement {
    let body = if call == 1 { "i".repeat(IMAGE_BYTES) } else { "q".repeat(100) };
    let turn = NewTurn {
        name_if_new: None,
        call: CallId::from_bits(call),
        account: ADA,
        created_at_ms: 1,
        place: if call == 1 { Place::Root } else { after(call - 1) },
        status: TurnStatus::Completed,
        background: false,
        head: "h".repeat(500),
        input: vec![Item { id: format!("msg_{call:06}_in"), body }],
        output: vec![Item { id: format!("msg_{call:06}_ou"), body: "a".repeat(200) }],
    };
    Settlement { turn: Some(Box::new(turn)), ..prepaid(call, 0, 0) }
}

#[tokio::test]
async fn ten_thousand_turns_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut store = SqliteStore::open(&path).unwrap();
    store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
    grant(&mut store, ADA, 100, "first").unwrap();
    let reader = Connection::open(&path).unwrap();
    let rows = |table: &str| -> u128 {
        let sql = format!("SELECT count(*) FROM {table}");
        u128::try_from(reader.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()).unwrap()
    };
    let mut added = Vec::new();
    let mut before = 0;
    for first in (1..=TURNS).step_by(250) {
        let batch: Vec<_> = (first..first + 250).map(turn).collect();
        let booked = store.settle(&batch, 10).unwrap();
        let bytes = booked.last().unwrap().session_bytes.unwrap();
        added.push(bytes - before);
        before = bytes;
    }
    assert_eq!([rows("sessions"), rows("turns"), rows("items")], [1, TURNS, 2 * TURNS]);
    // Every turn adds its own texts and rows; the image counts once.
    let of_batch = 250 * (500 + 100 + 200 + 2 * 13 + 3 * ROW_BYTES);
    assert_eq!(added[0], of_batch + IMAGE_BYTES as u64 - 100);
    assert!(added[1..].iter().all(|bytes| *bytes == of_batch));
    let on_disk = std::fs::metadata(&path).unwrap().len()
        + std::fs::metadata(folder.path().join("ledger.db-wal")).unwrap().len();
    assert!(on_disk < 64 << 20, "{on_disk} bytes of database and log");
    drop((store, reader));

    let books = Books { ledger: open(path), folder };
    let history = history(&books.ledger, ADA, after(TURNS), WIDE).await.unwrap();
    assert_eq!(history.len() as u128, 2 * TURNS);
    let ids = history.iter().map(|item| item.id.as_str());
    assert!(ids.is_sorted(), "turn by turn, and in each the input first");
    assert_eq!(history[0].body.len(), IMAGE_BYTES);
    books.close().await;
}
