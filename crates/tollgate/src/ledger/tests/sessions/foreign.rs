//! What belongs to another account is not there, for every verb, and no verb of another's changes anything.

use domain::{AccountKind, CallId, ConversationId};

use super::super::account;
use super::{Desk, WIDE, after, history, items, names, page, within};
use crate::ledger::sessions::{NewConversation, NewTurn, Order, Place, SessionError, TurnStatus};

const CALL: CallId = CallId::from_bits(1);
const ID: ConversationId = ConversationId::from_bits(7);

#[tokio::test]
async fn nothing_of_another_account_is_there() {
    let mut desk = Desk::open().await;
    desk.conversation(7, &["s"]).await;
    desk.settle(desk.turn(1, within(7), &["q"], &["a"])).await;
    let queued =
        NewTurn { status: TurnStatus::Queued, background: true, ..desk.turn(2, after(1), &["q2"], &[]) };
    desk.ledger().open_turn(queued.clone()).await.unwrap();
    let named = |id| NewConversation {
        id: ConversationId::from_bits(id),
        name: Some("main".to_owned()),
        metadata: "{}".to_owned(),
        items: Vec::new(),
    };
    assert!(desk.ledger().create_conversation(desk.ada.id, named(8)).await.unwrap());
    let bytes = desk.ledger().session_bytes(desk.ada.id);

    let bob = account(desk.ledger(), AccountKind::Prepaid, 1_000).await;
    let (ledger, him) = (desk.ledger(), bob.id);
    let all = || page(10, Order::Asc, None);
    assert_eq!(ledger.response(him, CALL).await.unwrap(), None);
    let not_found =
        |found: Result<String, SessionError>| assert!(matches!(found, Err(SessionError::NotFound)));
    not_found(ledger.input_items(him, CALL, all()).await.map(|list| format!("{list:?}")));
    not_found(ledger.output_items(him, CALL).await.map(|list| format!("{list:?}")));
    not_found(history(ledger, him, after(1), WIDE).await.map(|list| format!("{list:?}")));
    not_found(history(ledger, him, within(7), WIDE).await.map(|list| format!("{list:?}")));
    not_found(ledger.conversation_items(him, ID, all()).await.map(|list| format!("{list:?}")));
    assert_eq!(ledger.conversation(him, ID).await.unwrap(), None);
    assert_eq!(desk.named(him, "main").await, Place::Root);
    for item in ["s", "q", "a"] {
        assert_eq!(ledger.conversation_item(him, ID, item).await.unwrap(), None);
        assert_eq!(ledger.item(him, item).await.unwrap(), None);
        assert!(!ledger.delete_item(him, ID, item).await.unwrap());
    }
    assert!(!ledger.delete_response(him, CALL).await.unwrap());
    assert!(!ledger.update_conversation(him, ID, "{}".to_owned()).await.unwrap());
    assert!(!ledger.delete_conversation(him, ID).await.unwrap());
    assert!(!ledger.add_items(him, ID, items(&["x"])).await.unwrap());
    let theirs = NewTurn { account: him, status: TurnStatus::Failed, ..queued };
    assert!(!ledger.advance_turn(theirs.clone()).await.unwrap());
    // The id of a call is taken, whoever asks.
    ledger.open_turn(theirs).await.unwrap();
    assert_eq!(ledger.session_bytes(him), 0);
    // A name is an account's own.
    assert!(ledger.create_conversation(him, named(9)).await.unwrap());
    assert_eq!(desk.named(him, "main").await, within(9));
    let new = NewConversation {
        id: ConversationId::from_bits(10),
        name: None,
        metadata: "{}".to_owned(),
        items: items(&["a"]),
    };
    assert!(ledger.create_conversation(him, new).await.unwrap());

    // A turn of theirs is a root of their own, whatever it names; the account is the payer's, whatever the turn says.
    let ada = std::mem::replace(&mut desk.ada, bob);
    for (call, place) in [(11, after(1)), (12, within(7))] {
        desk.settle(NewTurn { account: ada.id, ..desk.turn(call, place, &["theirs"], &[]) }).await;
        let stored = desk.ledger().response(desk.ada.id, CallId::from_bits(call)).await.unwrap().unwrap();
        assert_eq!((stored.parent, stored.conversation), (None, None));
        assert_eq!(desk.ledger().response(ada.id, CallId::from_bits(call)).await.unwrap(), None);
    }
    desk.ada = ada;
    assert_eq!(desk.ledger().session_bytes(desk.ada.id), bytes);
    assert_eq!(desk.listed(7).await, "s q a");
    assert_eq!(desk.history(after(1)).await.unwrap(), "s q a");
    let input = desk.ledger().input_items(desk.ada.id, CallId::from_bits(2), all()).await.unwrap();
    assert_eq!(names(&input.items), "q2");
    assert_eq!(desk.ledger().conversation(desk.ada.id, ID).await.unwrap().unwrap().metadata, "{}");
    let stored = desk.ledger().response(desk.ada.id, CallId::from_bits(2)).await.unwrap().unwrap();
    assert_eq!(stored.status, TurnStatus::Queued);
    desk.close().await;
}
