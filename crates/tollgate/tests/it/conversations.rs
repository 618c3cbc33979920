//! `/v1/conversations` and what can be done with its items; references to items; what is deleted.

use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::dialects::{Dialect, stored};
use crate::harness::Gateway;
use crate::sessions::{items, respond, says};

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text in place of {value}")).to_owned()
}

async fn create(client: &Client, body: Value) -> String {
    let made = client.post("/v1/conversations", body.to_string()).await;
    assert_eq!(made.status, 200, "{made:?}");
    text(&made.json()["id"])
}

fn message(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

#[tokio::test]
async fn a_conversation_is_made_shown_changed_and_deleted() {
    let gateway = Gateway::start().await;
    let client = &gateway.client;
    let id = create(client, json!({"items": [message("One")], "metadata": {"topic": "demo"}})).await;
    let path = format!("/v1/conversations/{id}");
    let shown = client.get(&path).await.json();
    assert_eq!(
        (&shown["id"], &shown["object"], &shown["metadata"], &shown["session_id"]),
        (&json!(id), &json!("conversation"), &json!({"topic": "demo"}), &Value::Null)
    );
    let changed = client.post(&path, json!({"metadata": {"topic": "other"}}).to_string()).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["metadata"]), (200, &json!({"topic": "other"})));
    let two_more = json!({"items": [message("Two"), message("Three")]}).to_string();
    let added = client.post(&format!("{path}/items"), two_more).await.json();
    assert_eq!(added["data"].as_array().expect("items").len(), 2);
    assert_eq!(items(client, &id).await, ["user: One", "user: Two", "user: Three"]);
    let newest = client.get(&format!("{path}/items?limit=1")).await.json();
    assert_eq!(
        (&newest["data"][0]["content"][0]["text"], &newest["has_more"]),
        (&json!("Three"), &json!(true))
    );
    let two = format!("{path}/items/{}", text(&added["first_id"]));
    assert_eq!(client.get(&two).await.json(), added["data"][0]);
    let without = client.delete(&two).await;
    assert_eq!((without.status.as_u16(), &without.json()["id"]), (200, &json!(id)));
    for gone in [client.get(&two).await, client.delete(&two).await] {
        assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "item_not_found"));
    }
    assert_eq!(items(client, &id).await, ["user: One", "user: Three"]);
    let mut body = Dialect::Responses.ask("Four");
    body["conversation"] = json!({"id": id});
    let seen = Dialect::Responses.call(client, &body).await;
    assert_eq!(gateway.heard(), ["user: One", "user: Three", "user: Four"]);
    assert_eq!(stored(client, &seen.response()).await.json()["conversation"]["id"], id);
    assert_eq!(client.delete(&path).await.json()["deleted"], true);
    for (reply, what) in [
        (client.get(&path).await, "it"),
        (client.get(&format!("{path}/items")).await, "its items"),
        (client.delete(&path).await, "again"),
        (client.post("/v1/responses", body.to_string()).await, "a call in it"),
    ] {
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "conversation_not_found"), "{what}");
    }
    let kept = stored(client, &seen.response()).await;
    assert_eq!(
        (kept.status.as_u16(), &kept.json()["status"]),
        (200, &json!("completed")),
        "what was answered stays"
    );
    let mut on = Dialect::Responses.ask("Go on");
    on["previous_response_id"] = json!(seen.response());
    assert_eq!(Dialect::Responses.call(client, &on).await.status, 404, "but not to be gone on from");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_is_no_conversation_is_refused_with_its_place() {
    let gateway = Gateway::start().await;
    let id = create(&gateway.client, json!({})).await;
    let many: Vec<Value> = (0..21).map(|at| message(&at.to_string())).collect();
    let items_path = format!("/v1/conversations/{id}/items");
    for (path, body, param) in [
        ("/v1/conversations", json!({"items": many}), "items"),
        ("/v1/conversations", json!({"items": [{"type": "nonsense"}]}), "items[0]"),
        ("/v1/conversations", json!({"metadata": {"": "x"}}), "metadata"),
        ("/v1/conversations", json!({"itemz": []}), "itemz"),
        (items_path.as_str(), json!({"items": many}), "items"),
        (items_path.as_str(), json!({}), "items"),
        (items_path.as_str(), json!({"items": [message("fine"), 7]}), "items[1]"),
    ] {
        let refused: Reply = gateway.client.post(path, body.to_string()).await;
        let told = refused.json();
        let place = told["error"]["param"].as_str().unwrap_or_default();
        assert!(refused.status == 400 && place.starts_with(param), "{path} {body}: {told}");
    }
    for query in ["limit=0", "limit=101", "order=up", "after=nothing"] {
        let refused = gateway.client.get(&format!("{items_path}?{query}")).await;
        let status = if query.starts_with("after") { 404 } else { 400 };
        assert_eq!(refused.status.as_u16(), status, "{query}: {refused:?}");
    }
    assert!(items(&gateway.client, &id).await.is_empty());
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn an_item_can_stand_in_for_what_it_says() {
    let gateway = Gateway::start().await;
    let first = respond(&gateway.client, &says("One", "Answer One"), None).await;
    let kept = stored(&gateway.client, &first.response()).await.json();
    let mut body = Dialect::Responses.ask("");
    body["input"] = json!([
        message("Before"),
        {"type": "item_reference", "id": kept["output"][0]["id"]},
        message("After"),
    ]);
    let seen = Dialect::Responses.call(&gateway.client, &body).await;
    assert_eq!(seen.status, 200, "{}", seen.raw);
    assert_eq!(gateway.heard(), ["user: Before", "assistant: Answer One", "user: After"]);
    // What it stood for is kept with the response, also when the first one is deleted.
    assert_eq!(gateway.client.delete(&format!("/v1/responses/{}", first.response())).await.status, 200);
    respond(&gateway.client, "Go on", Some(&seen)).await;
    assert_eq!(gateway.heard()[..3], ["user: Before", "assistant: Answer One", "user: After"]);
    let gone = gateway.client.post("/v1/responses", body.to_string()).await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "item_not_found"));
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn only_one_way_to_go_on_is_taken() {
    let gateway = Gateway::start().await;
    let id = create(&gateway.client, json!({})).await;
    let first = respond(&gateway.client, "Hello", None).await;
    for pair in [
        json!({"conversation": id, "session_id": "mine"}),
        json!({"conversation": id, "previous_response_id": first.response()}),
        json!({"session_id": "mine", "previous_response_id": first.response()}),
    ] {
        let mut body = Dialect::Responses.ask("Hello");
        for (name, value) in pair.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let refused = Dialect::Responses.call(&gateway.client, &body).await;
        assert_eq!(
            (refused.status, refused.error.as_str()),
            (400, "mutually_exclusive_parameters"),
            "{}",
            refused.raw
        );
    }
    assert_eq!(gateway.chats().len(), 1);
    gateway.settled().await;
    assert!(gateway.finish().await);
}
