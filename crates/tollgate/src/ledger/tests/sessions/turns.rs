//! Responses: stored with their settlement, continued, branched, deleted.

use domain::{AccountKind, CallId, Outcome};
use rusqlite::Connection;

use super::super::treasury::{ADA, grant, new_account, prepaid};
use super::super::{Books, open};
use super::{Desk, after, history, items, names, page, within};
use crate::ledger::LedgerError;
use crate::ledger::sessions::{Bounds, Item, NewTurn, Order, Place, ROW_BYTES, SessionError, TurnStatus};
use crate::ledger::sqlite::{SqliteStore, sessions};
use crate::ledger::store::{Settlement, Treasury};

#[tokio::test]
async fn a_response_is_read_as_it_was_settled_also_after_a_restart() {
    let desk = Desk::open().await;
    let turn = desk.turn(1, Place::Root, &["in1", "in2"], &["out1", "out2"]);
    desk.settle(turn.clone()).await;
    let texts = turn.head.len()
        + items(&["in1", "in2", "out1", "out2"])
            .iter()
            .map(|item| item.id.len() + item.body.len())
            .sum::<usize>();
    assert_eq!(desk.ledger().session_bytes(desk.ada.id), texts as u64 + 5 * ROW_BYTES);
    let desk = desk.reopen().await;
    let (ledger, ada, call) = (desk.ledger(), desk.ada.id, turn.call);
    let stored = ledger.response(ada, call).await.unwrap().unwrap();
    assert_eq!((stored.call, stored.head, stored.created_at_ms), (call, turn.head, turn.created_at_ms));
    assert_eq!((stored.status, stored.background), (TurnStatus::Completed, false));
    assert_eq!((stored.parent, stored.conversation), (None, None));
    assert_eq!(ledger.output_items(ada, call).await.unwrap(), turn.output);
    let list = ledger.input_items(ada, call, page(100, Order::Asc, None)).await.unwrap();
    assert_eq!((list.items, list.has_more), (turn.input, false));
    assert_eq!(ledger.item(ada, "out1").await.unwrap(), Some(turn.output[0].clone()));
    assert!(ledger.receipt(ada, call).await.unwrap().is_some());
    assert_eq!(desk.history(Place::Root).await.unwrap(), "");
    desk.close().await;
}

/// Settles on a store without a ledger around it, which may then be looked into.
fn store() -> (SqliteStore, Connection, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut store = SqliteStore::open(&path).unwrap();
    store.create_account(&new_account(ADA, AccountKind::Prepaid)).unwrap();
    grant(&mut store, ADA, 100, "first").unwrap();
    (store, Connection::open(path).unwrap(), folder)
}

fn with_turn(call: u128, cost: i64, input: &[&str]) -> Settlement {
    let turn = NewTurn {
        name_if_new: None,
        call: CallId::from_bits(call),
        account: ADA,
        created_at_ms: 1,
        place: Place::Root,
        status: TurnStatus::Completed,
        background: false,
        head: "{}".to_owned(),
        input: items(input),
        output: Vec::new(),
    };
    Settlement { turn: Some(Box::new(turn)), ..prepaid(call, cost, cost) }
}

fn counts(connection: &Connection) -> [i64; 4] {
    ["receipts", "sessions", "turns", "items"].map(|table| {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    })
}

#[test]
fn a_batch_that_fails_stores_neither_receipt_nor_turn() {
    let (mut store, reader, _folder) = store();
    let beyond = with_turn(2, 5_000, &["b"]);
    assert!(store.settle(&[with_turn(1, 10, &["a"]), beyond], 50).is_err());
    assert_eq!(counts(&reader), [0; 4]);
    assert_eq!(sessions::account_bytes(&reader, ADA).unwrap(), 0);
}

#[test]
fn a_batch_that_is_repeated_changes_nothing() {
    let (mut store, reader, _folder) = store();
    let batch = [with_turn(1, 10, &["a"]), with_turn(2, 10, &["b", "b"])];
    let booked = store.settle(&batch, 50).unwrap();
    let bytes = sessions::account_bytes(&reader, ADA).unwrap();
    assert_eq!(booked[1].session_bytes, Some(bytes));
    let again = store.settle(&batch, 60).unwrap();
    assert!(again.iter().all(|one| one.repeated && one.session_bytes == Some(bytes)));
    assert_eq!(counts(&reader), [2, 2, 2, 3]);
}

/// Whoever asked was told that it failed, and does not know its id, or was told not to trust it.
#[test]
fn a_withheld_answer_is_no_response() {
    let (mut store, reader, _folder) = store();
    let mut withheld = with_turn(1, 10, &["a"]);
    withheld.receipt.withdraw();
    assert_eq!(withheld.receipt.outcome, Outcome::Unsettled);
    store.settle(&[withheld], 50).unwrap();
    assert_eq!(counts(&reader), [1, 0, 0, 0]);
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_image_of_a_crash() {
    let desk = Desk::open().await;
    for call in 1..=5 {
        let place = if call == 1 { Place::Root } else { after(call - 1) };
        desk.settle(desk.turn(call, place, &["q"], &["a"])).await;
        let image = tempfile::tempdir().unwrap();
        for file in ["ledger.db", "ledger.db-wal"] {
            std::fs::copy(desk.books.folder.path().join(file), image.path().join(file)).unwrap();
        }
        let ledger = open(image.path().join("ledger.db"));
        let history = history(&ledger, desk.ada.id, after(call), super::WIDE).await.unwrap();
        assert_eq!(history.len() as u128, 2 * call);
        assert_eq!(ledger.session_bytes(desk.ada.id), desk.ledger().session_bytes(desk.ada.id));
        Books { folder: image, ledger }.close().await;
    }
    desk.close().await;
}

#[tokio::test]
async fn a_response_can_be_continued_twice_and_deleted() {
    let desk = Desk::open().await;
    let tree = [(1, Place::Root), (2, after(1)), (3, after(2)), (4, after(2)), (5, after(4))];
    for (call, place) in tree {
        desk.settle(desk.turn(call, place, &[&format!("q{call}")], &[&format!("a{call}")])).await;
    }
    assert_eq!(desk.history(after(3)).await.unwrap(), "q1 a1 q2 a2 q3 a3");
    assert_eq!(desk.history(after(5)).await.unwrap(), "q1 a1 q2 a2 q4 a4 q5 a5");
    let (ledger, ada) = (desk.ledger(), desk.ada.id);
    let four = ledger.response(ada, CallId::from_bits(4)).await.unwrap().unwrap();
    assert_eq!(four.parent, Some(CallId::from_bits(2)));

    // A response in the middle goes, with its items. What continues it can be read, and not be continued.
    assert!(ledger.delete_response(ada, CallId::from_bits(4)).await.unwrap());
    assert!(!ledger.delete_response(ada, CallId::from_bits(4)).await.unwrap());
    assert_eq!(ledger.response(ada, CallId::from_bits(4)).await.unwrap(), None);
    assert_eq!(ledger.item(ada, "a4").await.unwrap(), None);
    assert!(matches!(desk.history(after(4)).await, Err(SessionError::NotFound)));
    assert!(matches!(desk.history(after(5)).await, Err(SessionError::Broken)));
    let five = ledger.response(ada, CallId::from_bits(5)).await.unwrap().unwrap();
    assert_eq!(five.parent, Some(CallId::from_bits(4)));
    assert_eq!(names(&ledger.output_items(ada, five.call).await.unwrap()), "a5");
    assert_eq!(desk.history(after(3)).await.unwrap(), "q1 a1 q2 a2 q3 a3");

    for call in [1, 2, 3, 5] {
        assert!(ledger.delete_response(ada, CallId::from_bits(call)).await.unwrap());
    }
    assert_eq!(ledger.session_bytes(ada), 0);
    ledger.roll_up().await.unwrap();
    let reader = Connection::open(desk.books.path()).unwrap();
    assert_eq!(counts(&reader), [5, 0, 0, 0], "the receipts stay, nothing else does");
    drop(reader);
    desk.close().await;
}

#[tokio::test]
async fn a_turn_whose_place_is_gone_meanwhile_is_a_root() {
    let desk = Desk::open().await;
    for (call, place) in [(1, after(77)), (2, within(77)), (3, after(3))] {
        desk.settle(desk.turn(call, place, &["q"], &["a"])).await;
        let stored = desk.ledger().response(desk.ada.id, CallId::from_bits(call)).await.unwrap().unwrap();
        assert_eq!((stored.parent, stored.conversation), (None, None));
        assert_eq!(desk.history(after(call)).await.unwrap(), "q a");
    }
    desk.close().await;
}

#[tokio::test]
async fn a_history_has_bounds() {
    let desk = Desk::open().await;
    desk.settle(desk.turn(1, Place::Root, &["q1", "q2"], &["a1"])).await;
    desk.settle(desk.turn(2, after(1), &["q3"], &["a2"])).await;
    let bytes: usize = items(&["q1", "q2", "a1", "q3", "a2"]).iter().map(|item| item.body.len()).sum();
    let bytes = bytes as u64;
    for (items_max, bytes_max, fits) in
        [(5, bytes, true), (4, bytes, false), (5, bytes - 1, false), (1, bytes, false), (0, 0, false)]
    {
        let bounds = Bounds { items_max, bytes_max };
        let history = history(desk.ledger(), desk.ada.id, after(2), bounds).await;
        match history {
            Ok(history) => assert!(fits && history.len() == 5),
            Err(error) => assert!(!fits && matches!(error, SessionError::TooLong), "{error}"),
        }
    }
    desk.close().await;
}

#[tokio::test]
async fn the_newest_part_of_a_history_ends_with_what_is_enough_or_with_the_bounds() {
    let desk = Desk::open().await;
    desk.settle(desk.turn(1, Place::Root, &["q1", "q2"], &["a1"])).await;
    desk.settle(desk.turn(2, after(1), &["q3"], &["a2"])).await;
    desk.conversation(7, &[]).await;
    for (call, input, output) in [(3, vec!["q1", "q2"], "a1"), (4, vec!["q3"], "a2")] {
        desk.settle(desk.turn(call, within(7), &input, &[output])).await;
    }
    let all: u64 = items(&["q1", "q2", "a1", "q3", "a2"]).iter().map(|item| item.body.len() as u64).sum();
    for place in [after(2), within(7), after(4)] {
        for (items_max, bytes_max, enough, expected, is_whole) in [
            (5, all, "none", "q1 q2 a1 q3 a2", true),
            (4, all, "none", "q2 a1 q3 a2", false),
            (5, all - 1, "none", "q2 a1 q3 a2", false),
            (5, all, "q3", "q3 a2", false),
            (5, all, "a1", "a1 q3 a2", false),
            (1, all, "q3", "a2", false),
            (0, all, "none", "", false),
        ] {
            let (bounds, enough) = (Bounds { items_max, bytes_max }, enough.to_owned());
            let read = move |item: Item| (item.clone(), item.id == enough);
            let recent = desk.ledger().recent_history(desk.ada.id, place.into(), bounds, read).await.unwrap();
            assert_eq!((names(&recent.items).as_str(), recent.is_whole), (expected, is_whole), "{place:?}");
            assert_eq!(recent.place, place);
        }
    }
    // What was deleted before that is in nobody's way who does not need it.
    assert!(desk.ledger().delete_response(desk.ada.id, CallId::from_bits(1)).await.unwrap());
    let recent = |enough: &'static str| {
        let read = move |item: Item| (item.clone(), item.id == enough);
        desk.ledger().recent_history(desk.ada.id, after(2).into(), super::WIDE, read)
    };
    assert_eq!(names(&recent("q3").await.unwrap().items), "q3 a2");
    assert!(matches!(recent("none").await, Err(SessionError::Broken)));
    desk.close().await;
}

#[tokio::test]
async fn input_items_come_page_by_page_in_both_directions() {
    let desk = Desk::open().await;
    // The same name in another response is in nobody's way, and output is no input.
    desk.settle(desk.turn(1, Place::Root, &["c"], &[])).await;
    desk.settle(desk.turn(2, after(1), &["a", "b", "c", "d"], &["e"])).await;
    for (limit, order, from, expected, has_more) in [
        (100, Order::Asc, None, "a b c d", false),
        (4, Order::Desc, None, "d c b a", false),
        (3, Order::Asc, None, "a b c", true),
        (2, Order::Desc, None, "d c", true),
        (2, Order::Asc, Some("b"), "c d", false),
        (1, Order::Desc, Some("c"), "b", true),
        (2, Order::Asc, Some("d"), "", false),
        (0, Order::Asc, None, "a", true),
        (u32::MAX, Order::Desc, Some("a"), "", false),
    ] {
        let page = page(limit, order, from);
        let list = desk.ledger().input_items(desk.ada.id, CallId::from_bits(2), page.clone()).await.unwrap();
        assert_eq!((names(&list.items).as_str(), list.has_more), (expected, has_more), "{page:?}");
    }
    for unknown in ["e", "zzz"] {
        let page = page(10, Order::Asc, Some(unknown));
        let list = desk.ledger().input_items(desk.ada.id, CallId::from_bits(2), page).await;
        assert!(matches!(list, Err(SessionError::UnknownCursor)), "{list:?}");
    }
    desk.close().await;
}

/// Large items make short pages.
#[tokio::test]
async fn a_page_fits_in_memory() {
    let desk = Desk::open().await;
    let mut turn = desk.turn(1, Place::Root, &["a", "b", "c"], &[]);
    turn.input.iter_mut().for_each(|item| item.body = "x".repeat(9 << 20));
    desk.settle(turn).await;
    let call = CallId::from_bits(1);
    let first = desk.ledger().input_items(desk.ada.id, call, page(100, Order::Asc, None)).await.unwrap();
    assert_eq!((names(&first.items).as_str(), first.has_more), ("a", true));
    let rest = desk.ledger().input_items(desk.ada.id, call, page(100, Order::Asc, Some("b"))).await.unwrap();
    assert_eq!((names(&rest.items).as_str(), rest.has_more), ("c", false));
    desk.close().await;
}

#[tokio::test]
async fn a_store_in_memory_says_that_it_keeps_none() {
    let ledger =
        crate::ledger::Ledger::open(crate::ledger::StoreConfig::Memory, super::super::clock()).unwrap();
    let read = ledger.response(ADA, CallId::from_bits(1)).await;
    assert!(matches!(read, Err(LedgerError::Invalid("this store keeps no sessions"))), "{read:?}");
    let written = ledger.delete_response(ADA, CallId::from_bits(1)).await;
    assert!(matches!(written, Err(LedgerError::Invalid("this store keeps no sessions"))), "{written:?}");
}
