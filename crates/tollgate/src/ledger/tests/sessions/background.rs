//! Turns that run in the background: there before their client is told, ended once, failed by a restart.

use domain::{CallId, Outcome};

use super::super::{money, receipt};
use super::{Desk, after, names, page, within};
use crate::ledger::sessions::{NewTurn, Order, Place, SessionError, StoredTurn, TurnStatus};

impl Desk {
    fn queued(&self, call: u128, place: Place) -> NewTurn {
        let turn = self.turn(call, place, &["q"], &[]);
        NewTurn { status: TurnStatus::Queued, background: true, ..turn }
    }

    fn ended(&self, call: u128, status: TurnStatus) -> NewTurn {
        let turn = self.turn(call, Place::Root, &["not stored again"], &["a"]);
        NewTurn { status, background: true, head: "{\"longer\":\"than before\"}".to_owned(), ..turn }
    }

    async fn stored(&self, call: u128) -> Option<StoredTurn> {
        self.ledger().response(self.ada.id, CallId::from_bits(call)).await.unwrap()
    }

    async fn items(&self, call: u128) -> [String; 2] {
        let (ledger, call) = (self.ledger(), CallId::from_bits(call));
        let input = ledger.input_items(self.ada.id, call, page(10, Order::Asc, None)).await.unwrap();
        [names(&input.items), names(&ledger.output_items(self.ada.id, call).await.unwrap())]
    }
}

#[tokio::test]
async fn an_opened_turn_ends_with_its_settlement_and_keeps_its_input() {
    let desk = Desk::open().await;
    desk.settle(desk.turn(1, Place::Root, &["q0"], &["a0"])).await;
    let opened = desk.queued(2, after(1));
    for _ in 0..2 {
        desk.ledger().open_turn(opened.clone()).await.unwrap();
        let stored = desk.stored(2).await.unwrap();
        assert_eq!(
            (stored.status, stored.background, stored.head),
            (TurnStatus::Queued, true, opened.head.clone())
        );
    }
    let running = NewTurn { status: TurnStatus::InProgress, ..opened };
    assert!(desk.ledger().advance_turn(running).await.unwrap());
    assert_eq!(desk.stored(2).await.unwrap().status, TurnStatus::InProgress);
    assert!(matches!(desk.history(after(2)).await, Err(SessionError::Unfinished)), "nothing goes on from it");
    let ended = desk.ended(2, TurnStatus::Incomplete);
    desk.settle(ended.clone()).await;
    let stored = desk.stored(2).await.unwrap();
    assert_eq!((stored.status, stored.head), (TurnStatus::Incomplete, ended.head));
    assert_eq!(stored.parent, Some(CallId::from_bits(1)));
    assert_eq!(desk.items(2).await, ["q", "a"]);
    assert_eq!(desk.history(after(2)).await.unwrap(), "q0 a0 q a");
    desk.close().await;
}

#[tokio::test]
async fn the_first_end_counts() {
    let desk = Desk::open().await;
    desk.ledger().open_turn(desk.queued(1, Place::Root)).await.unwrap();
    let cancelled = NewTurn { output: Vec::new(), ..desk.ended(1, TurnStatus::Cancelled) };
    assert!(desk.ledger().advance_turn(cancelled).await.unwrap());
    desk.settle(desk.ended(1, TurnStatus::Completed)).await;
    assert!(!desk.ledger().advance_turn(desk.ended(1, TurnStatus::Failed)).await.unwrap());
    assert_eq!(desk.stored(1).await.unwrap().status, TurnStatus::Cancelled);
    assert_eq!(desk.items(1).await, ["q", ""]);
    assert!(!desk.ledger().advance_turn(desk.ended(2, TurnStatus::Failed)).await.unwrap());
    desk.close().await;
}

#[tokio::test]
async fn a_turn_that_is_deleted_while_it_runs_does_not_come_back() {
    let desk = Desk::open().await;
    desk.ledger().open_turn(desk.queued(1, Place::Root)).await.unwrap();
    assert!(desk.ledger().delete_response(desk.ada.id, CallId::from_bits(1)).await.unwrap());
    desk.settle(desk.ended(1, TurnStatus::Completed)).await;
    assert_eq!(desk.stored(1).await, None);
    assert_eq!(desk.ledger().session_bytes(desk.ada.id), 0);
    desk.close().await;
}

#[tokio::test]
async fn a_withheld_answer_fails_its_turn() {
    let desk = Desk::open().await;
    desk.ledger().open_turn(desk.queued(1, Place::Root)).await.unwrap();
    let mut admission = desk.ledger().try_admit(&desk.ada).unwrap();
    admission.hold(money(100)).unwrap();
    admission.store_turn(Box::new(desk.ended(1, TurnStatus::Completed)));
    let mut receipt = receipt(desk.ada.id, 1, 0);
    receipt.outcome = Outcome::Unsettled;
    admission.settle(receipt).await.unwrap();
    assert_eq!(desk.stored(1).await.unwrap().status, TurnStatus::Failed);
    assert_eq!(desk.items(1).await, ["q", ""]);
    desk.close().await;
}

#[tokio::test]
async fn a_restart_fails_what_was_open() {
    let desk = Desk::open().await;
    desk.conversation(7, &[]).await;
    desk.ledger().open_turn(desk.queued(1, Place::Root)).await.unwrap();
    desk.ledger().open_turn(desk.queued(2, within(7))).await.unwrap();
    let running = NewTurn { status: TurnStatus::InProgress, ..desk.queued(2, Place::Root) };
    assert!(desk.ledger().advance_turn(running).await.unwrap());
    desk.ledger().open_turn(desk.queued(3, Place::Root)).await.unwrap();
    desk.settle(desk.ended(3, TurnStatus::Completed)).await;
    let desk = desk.reopen().await;
    for (call, status) in [(1, TurnStatus::Failed), (2, TurnStatus::Failed), (3, TurnStatus::Completed)] {
        assert_eq!(desk.stored(call).await.unwrap().status, status);
    }
    assert_eq!(desk.items(2).await, ["q", ""]);
    assert_eq!(desk.history(within(7)).await.unwrap(), "q");
    desk.close().await;
}
