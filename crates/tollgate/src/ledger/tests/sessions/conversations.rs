//! Conversations: items in the order of storing, responses within and beside them, and what a deletion leaves.

use domain::{CallId, ConversationId};

use super::{Desk, after, items, names, page, within};
use crate::ledger::sessions::{NewConversation, NewTurn, Order, Place, SessionError, TurnStatus};

const ID: ConversationId = ConversationId::from_bits(7);

#[tokio::test]
async fn a_conversation_is_made_changed_and_read() {
    let desk = Desk::open().await;
    let (ledger, ada) = (desk.ledger(), desk.ada.id);
    let new = NewConversation {
        id: ID,
        name: Some("holiday".to_owned()),
        metadata: "{\"a\":1}".to_owned(),
        items: items(&["s"]),
    };
    assert!(ledger.create_conversation(ada, new.clone()).await.unwrap());
    let taken = NewConversation { id: ConversationId::from_bits(8), ..new };
    assert!(!ledger.create_conversation(ada, taken).await.unwrap(), "the name is taken");
    assert!(ledger.update_conversation(ada, ID, "{\"b\":\"two\"}".to_owned()).await.unwrap());
    let desk = desk.reopen().await;
    let (ledger, ada) = (desk.ledger(), desk.ada.id);
    let stored = ledger.conversation(ada, ID).await.unwrap().unwrap();
    assert_eq!((stored.id, stored.name.as_deref()), (ID, Some("holiday")));
    assert_eq!((stored.metadata.as_str(), stored.created_at_ms), ("{\"b\":\"two\"}", super::NOW_MS));
    assert_eq!(desk.named(ada, "holiday").await, Place::In(ID));
    assert_eq!(desk.listed(7).await, "s");
    desk.close().await;
}

#[tokio::test]
async fn a_name_is_made_once() {
    let desk = Desk::open().await;
    let named = |call, id| NewTurn {
        name_if_new: Some("main".to_owned()),
        ..desk.turn(call, within(id), &["q"], &["a"])
    };
    assert_eq!(desk.named(desk.ada.id, "main").await, Place::Root, "there is none");
    tokio::join!(desk.settle(named(1, 1)), desk.settle(named(2, 2)));
    desk.ledger().open_turn(named(3, 3)).await.unwrap();
    let place = desk.named(desk.ada.id, "main").await;
    let Place::In(id) = place else { panic!("no conversation of that name") };
    assert_eq!(desk.history(place).await.unwrap(), "q a q a q a");
    assert!(desk.ledger().delete_conversation(desk.ada.id, id).await.unwrap());
    desk.settle(named(4, 4)).await;
    assert_eq!(desk.named(desk.ada.id, "main").await, within(4), "the name is free again");
    desk.close().await;
}

#[tokio::test]
async fn items_are_in_the_order_of_storing() {
    let desk = Desk::open().await;
    desk.conversation(7, &["s"]).await;
    desk.conversation(8, &["other"]).await;
    desk.settle(desk.turn(1, within(7), &["q1"], &["a1"])).await;
    assert!(desk.ledger().add_items(desk.ada.id, ID, items(&["x", "y"])).await.unwrap());
    let background = desk.turn(2, within(7), &["q2"], &["a2"]);
    let background = NewTurn { status: TurnStatus::Queued, background: true, ..background };
    desk.ledger().open_turn(NewTurn { output: Vec::new(), ..background.clone() }).await.unwrap();
    assert!(desk.ledger().add_items(desk.ada.id, ID, items(&["z"])).await.unwrap());
    desk.settle(NewTurn { status: TurnStatus::Completed, ..background }).await;
    desk.settle(desk.turn(3, within(7), &["q3"], &["a3"])).await;
    // Beside the conversation, after its second-last response: not part of it.
    desk.settle(desk.turn(4, after(2), &["q4"], &["a4"])).await;
    desk.settle(desk.turn(5, after(4), &["q5"], &["a5"])).await;

    assert_eq!(desk.listed(7).await, "s q1 a1 x y q2 z a2 q3 a3");
    assert_eq!(desk.history(within(7)).await.unwrap(), "s q1 a1 x y q2 z a2 q3 a3");
    assert_eq!(desk.history(after(1)).await.unwrap(), "s q1 a1");
    assert_eq!(desk.history(after(5)).await.unwrap(), "s q1 a1 x y q2 z a2 q4 a4 q5 a5");
    let of = async |call| {
        let stored = desk.ledger().response(desk.ada.id, CallId::from_bits(call)).await.unwrap().unwrap();
        (stored.parent, stored.conversation)
    };
    assert_eq!(of(3).await, (None, Some(ID)));
    assert_eq!(of(4).await, (Some(CallId::from_bits(2)), None));
    for (limit, order, from, expected, has_more) in [
        (2, Order::Desc, None, "a3 q3", true),
        (3, Order::Asc, Some("y"), "q2 z a2", true),
        (10, Order::Desc, Some("a1"), "q1 s", false),
    ] {
        let list = desk.ledger().conversation_items(desk.ada.id, ID, page(limit, order, from)).await.unwrap();
        assert_eq!((names(&list.items).as_str(), list.has_more), (expected, has_more));
    }
    for unknown in ["a4", "other"] {
        let page = page(10, Order::Asc, Some(unknown));
        let list = desk.ledger().conversation_items(desk.ada.id, ID, page).await;
        assert!(matches!(list, Err(SessionError::UnknownCursor)), "{list:?}");
        assert_eq!(desk.ledger().conversation_item(desk.ada.id, ID, unknown).await.unwrap(), None);
    }
    assert!(desk.ledger().conversation_item(desk.ada.id, ID, "q2").await.unwrap().is_some());
    desk.close().await;
}

/// An item goes when it is part of neither a response nor a conversation.
#[tokio::test]
async fn what_one_lets_go_of_the_other_keeps() {
    let desk = Desk::open().await;
    let (ledger, ada) = (desk.ledger(), desk.ada.id);
    desk.conversation(7, &["s", "t", "t"]).await;
    desk.settle(desk.turn(1, within(7), &["q1"], &["a1"])).await;
    desk.settle(desk.turn(2, within(7), &["q2"], &["a2"])).await;

    for (item, there) in [("t", true), ("t", false), ("q2", true), ("q2", false), ("zzz", false)] {
        assert_eq!(ledger.delete_item(ada, ID, item).await.unwrap(), there, "{item}");
    }
    assert_eq!(desk.listed(7).await, "s q1 a1 a2");
    assert_eq!(ledger.item(ada, "t").await.unwrap(), None, "it was part of nothing else");
    assert!(ledger.item(ada, "q2").await.unwrap().is_some(), "the response has it");
    assert_eq!(ledger.conversation_item(ada, ID, "q2").await.unwrap(), None);
    assert_eq!(desk.history(after(2)).await.unwrap(), "s q1 a1 a2");

    assert!(ledger.delete_response(ada, CallId::from_bits(1)).await.unwrap());
    assert_eq!(desk.listed(7).await, "s q1 a1 a2", "the conversation has them");
    assert!(ledger.delete_response(ada, CallId::from_bits(2)).await.unwrap());
    assert_eq!(ledger.item(ada, "q2").await.unwrap(), None);
    assert_eq!(desk.listed(7).await, "s q1 a1 a2");
    assert!(ledger.delete_item(ada, ID, "q1").await.unwrap());
    assert_eq!(ledger.item(ada, "q1").await.unwrap(), None);
    desk.close().await;
}

#[tokio::test]
async fn a_deleted_conversation_leaves_its_responses() {
    let desk = Desk::open().await;
    let (ledger, ada) = (desk.ledger(), desk.ada.id);
    desk.conversation(7, &["s"]).await;
    desk.settle(desk.turn(1, within(7), &["q1"], &["a1"])).await;
    desk.settle(desk.turn(2, after(1), &["q2"], &["a2"])).await;
    assert!(ledger.delete_conversation(ada, ID).await.unwrap());
    assert!(!ledger.delete_conversation(ada, ID).await.unwrap());
    // The same before and after the rows have gone.
    for _ in 0..2 {
        assert_eq!(ledger.conversation(ada, ID).await.unwrap(), None);
        assert!(matches!(desk.history(within(7)).await, Err(SessionError::NotFound)));
        assert!(!ledger.add_items(ada, ID, items(&["x"])).await.unwrap());
        assert_eq!(ledger.item(ada, "s").await.unwrap(), None);
        assert!(ledger.item(ada, "a1").await.unwrap().is_some());
        for call in [1, 2] {
            let stored = ledger.response(ada, CallId::from_bits(call)).await.unwrap().unwrap();
            assert_eq!(stored.conversation, None);
            assert_eq!(ledger.output_items(ada, stored.call).await.unwrap().len(), 1);
            assert!(matches!(desk.history(after(call)).await, Err(SessionError::Broken)));
        }
        ledger.roll_up().await.unwrap();
    }
    // Whoever was in the middle of a call in it gets a response all the same.
    desk.settle(desk.turn(3, within(7), &["q3"], &["a3"])).await;
    assert_eq!(desk.history(after(3)).await.unwrap(), "q3 a3");
    for call in [1, 2, 3] {
        assert!(ledger.delete_response(ada, CallId::from_bits(call)).await.unwrap());
    }
    assert_eq!(ledger.session_bytes(ada), 0);
    desk.close().await;
}

#[tokio::test]
async fn a_conversation_without_responses_goes_whole() {
    let desk = Desk::open().await;
    let (ledger, ada) = (desk.ledger(), desk.ada.id);
    desk.conversation(7, &["s"]).await;
    assert!(ledger.session_bytes(ada) > 0);
    assert!(ledger.delete_conversation(ada, ID).await.unwrap());
    assert_eq!(ledger.session_bytes(ada), 0);
    assert_eq!(ledger.item(ada, "s").await.unwrap(), None);
    // A new one may have its items' names.
    desk.conversation(8, &["s"]).await;
    ledger.roll_up().await.unwrap();
    assert_eq!(desk.listed(8).await, "s");
    assert_eq!(desk.history(Place::Root).await.unwrap(), "");
    desk.close().await;
}
