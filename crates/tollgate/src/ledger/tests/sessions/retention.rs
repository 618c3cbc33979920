//! Sessions that nobody uses go whole, and what was deleted leaves the disk.

use domain::calendar::DAY_MS;
use domain::{CallId, ConversationId};
use rusqlite::Connection;

use super::{Desk, after, items, within};
use crate::config::SessionPolicy;
use crate::ledger::sessions::{NewConversation, Place};

const HOUR_MS: i64 = 3_600_000;

impl Desk {
    async fn keep_for_days(&self, days: u32) {
        let policy = SessionPolicy { retention_days: Some(days), ..SessionPolicy::default() };
        self.ledger().keep_sessions(policy).await.unwrap();
    }

    /// So many days, with a look every hour as the keeper has.
    async fn pass_days(&self, days: i64) {
        for _ in 0..days * 24 {
            self.pass(HOUR_MS);
            self.ledger().roll_up().await.unwrap();
        }
    }

    async fn has(&self, call: u128) -> bool {
        self.ledger().response(self.ada.id, CallId::from_bits(call)).await.unwrap().is_some()
    }

    fn rows(&self, table: &str) -> i64 {
        let connection = Connection::open(self.books.path()).unwrap();
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn what_is_continued_keeps_its_whole_tree() {
    let desk = Desk::open().await;
    desk.keep_for_days(3).await;
    for (call, place) in [(1, Place::Root), (2, after(1)), (3, after(1)), (4, Place::Root)] {
        desk.settle(desk.turn(call, place, &["q"], &["a"])).await;
    }
    desk.conversation(7, &["s"]).await;
    desk.conversation(8, &["s"]).await;
    desk.settle(desk.turn(5, within(7), &["q"], &["a"])).await;
    desk.pass_days(2).await;
    desk.settle(desk.turn(6, after(2), &["q"], &["a"])).await;
    assert!(desk.ledger().add_items(desk.ada.id, ConversationId::from_bits(7), items(&["x"])).await.unwrap());
    desk.pass_days(2).await;
    let kept =
        [desk.has(1).await, desk.has(2).await, desk.has(3).await, desk.has(6).await, desk.has(5).await];
    assert_eq!(kept, [true; 5]);
    assert!(!desk.has(4).await, "nobody has used it for four days");
    assert_eq!(desk.ledger().conversation(desk.ada.id, ConversationId::from_bits(8)).await.unwrap(), None);
    assert_eq!(desk.listed(7).await, "s q a x");
    assert_eq!([desk.rows("sessions"), desk.rows("turns")], [2, 5]);
    desk.pass_days(2).await;
    assert_eq!(["sessions", "turns", "items"].map(|table| desk.rows(table)), [0; 3]);
    assert_eq!(desk.ledger().session_bytes(desk.ada.id), 0);
    desk.close().await;
}

/// A clock that is years ahead for a moment deletes nothing.
#[tokio::test]
async fn a_leap_of_the_clock_deletes_nothing() {
    let desk = Desk::open().await;
    desk.keep_for_days(30).await;
    desk.settle(desk.turn(1, Place::Root, &["q"], &["a"])).await;
    let leap = 3 * 365 * DAY_MS;
    desk.pass(leap);
    desk.ledger().roll_up().await.unwrap();
    assert!(desk.has(1).await);
    desk.pass(-leap);
    desk.ledger().roll_up().await.unwrap();
    assert!(desk.has(1).await);
    // One that goes on is believed after some hours.
    desk.pass(leap);
    desk.pass_days(1).await;
    assert!(!desk.has(1).await);
    desk.close().await;
}

/// A session that takes several steps to clear, with parts of every kind.
#[tokio::test]
async fn a_large_session_goes_in_steps_and_nobody_sees_a_half() {
    let desk = Desk::open().await;
    let (ledger, ada) = (desk.ledger(), desk.ada.id);
    let many: Vec<String> = (0..600).map(|n| format!("i{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let new = NewConversation {
        id: ConversationId::from_bits(7),
        name: Some("main".to_owned()),
        metadata: "{}".to_owned(),
        items: items(&many),
    };
    assert!(ledger.create_conversation(ada, new).await.unwrap());
    let mut large = desk.turn(1, within(7), &many, &["a"]);
    large.input.truncate(300);
    large.input[0].body = "x".repeat(9 << 20);
    desk.settle(large).await;
    desk.settle(desk.turn(2, after(1), &["q"], &["a"])).await;
    // The conversation goes at once, what only it had little by little, its responses not at all.
    assert!(ledger.delete_conversation(ada, ConversationId::from_bits(7)).await.unwrap());
    assert_eq!(ledger.item(ada, "i599").await.unwrap(), None);
    ledger.roll_up().await.unwrap();
    assert_eq!([desk.rows("items"), desk.rows("turns")], [303, 2]);
    // The same for all the rest.
    assert!(ledger.delete_response(ada, CallId::from_bits(2)).await.unwrap());
    desk.keep_for_days(1).await;
    desk.pass_days(2).await;
    assert_eq!(["sessions", "turns", "items"].map(|table| desk.rows(table)), [0; 3]);
    desk.close().await;
}

/// Neither the database nor its log has the texts afterwards.
#[tokio::test]
async fn what_was_deleted_is_not_on_the_disk() {
    let desk = Desk::open().await;
    let (ledger, ada) = (desk.ledger(), desk.ada.id);
    let secret = |name: &str| format!("{{\"secret\":\"{}\"}}", format!("of {name} ").repeat(2_000));
    for call in 1..=6 {
        let mut turn = desk.turn(call, Place::Root, &["short", "long"], &["a"]);
        turn.input[0].body = format!("{{\"secret\":\"of call {call}\"}}");
        turn.input[1].body = secret(&format!("call {call}"));
        desk.settle(turn).await;
    }
    for call in 1..=5 {
        assert!(ledger.delete_response(ada, CallId::from_bits(call)).await.unwrap());
    }
    ledger.roll_up().await.unwrap();
    let path = desk.books.path();
    let desk = desk.reopen().await;
    let on_disk = std::fs::read(path).unwrap();
    let is_there = |text: &str| on_disk.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    for call in 1..=6 {
        assert_eq!(is_there(&format!("of call {call}")), call == 6, "{call}");
    }
    desk.close().await;
}
