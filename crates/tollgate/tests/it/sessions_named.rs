//! Sessions that a client names: they go on in any dialect, wherever the name is, with the names of those who speak.

use hyper::Method;
use serde_json::json;

use crate::client::Client;
use crate::dialects::{DIALECTS, Dialect, Seen, stored};
use crate::harness::Gateway;
use crate::sessions::{items, says};

/// Where a client names its session.
#[derive(Clone, Copy, Debug)]
enum Named {
    Body,
    Query,
    Header,
}

async fn in_session(
    client: &Client,
    dialect: Dialect,
    named: Named,
    session: &str,
    text: &str,
    streamed: bool,
) -> Seen {
    let mut body = dialect.ask(text);
    body["stream"] = json!(streamed);
    let mut path = dialect.path().to_owned();
    let mut headers = vec![("content-type", "application/json")];
    match named {
        Named::Body => body["session_id"] = json!(session),
        Named::Query => path.push_str(&format!("?session_id={session}")),
        Named::Header => headers.push(("x-tollgate-session-id", session)),
    }
    dialect.see(client.send_with(Method::POST, &path, &headers, body.to_string()).await).await
}

#[tokio::test]
async fn a_named_session_goes_on_in_every_dialect_wherever_it_is_named() {
    let gateway = Gateway::start().await;
    let mut told = Vec::new();
    let mut last = None;
    for streamed in [false, true] {
        for named in [Named::Body, Named::Query, Named::Header] {
            for dialect in DIALECTS {
                let name = format!("{dialect:?} {named:?} {streamed}");
                let question = says(&name, &format!("Answer to {name}"));
                let seen = in_session(&gateway.client, dialect, named, "mine", &question, streamed).await;
                assert_eq!((seen.status, seen.complete), (200, true), "{name}: {}", seen.raw);
                assert_eq!(seen.text, format!("Answer to {name}"), "{}", seen.raw);
                told.push(format!("user: {question}"));
                assert_eq!(gateway.heard(), told, "{name}");
                told.push(format!("assistant: {}", seen.text));
                // What any dialect has said is a stored response of this conversation.
                let kept = stored(&gateway.client, &seen.response()).await.json();
                assert_eq!(kept["status"], "completed", "{name}");
                assert_eq!(kept["output"][0]["content"][0]["text"], seen.text, "{name}");
                last = Some(kept["conversation"]["id"].as_str().expect("a conversation").to_owned());
            }
        }
    }
    // Read back whole, as items, page by page.
    let conversation = last.expect("a conversation");
    assert_eq!(items(&gateway.client, &conversation).await, told);
    let shown = gateway.client.get(&format!("/v1/conversations/{conversation}")).await.json();
    assert_eq!(shown["session_id"], "mine");
    // Another name is another conversation.
    let other = in_session(&gateway.client, Dialect::Messages, Named::Header, "yours", "Hello", false).await;
    assert_eq!((other.status, gateway.heard()), (200, vec!["user: Hello".to_owned()]));
    gateway.books().check().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn the_names_of_participants_are_heard_in_later_chats_alone_and_shown_in_no_item() {
    let gateway = Gateway::start().await;
    let question = says("Who am I?", "Ann");
    let mut body = Dialect::Chat.ask("");
    body["session_id"] = json!("mine");
    body["messages"] = json!([
        {"role": "user", "content": "Hello", "name": "ann"},
        {"role": "assistant", "content": "Hi", "name": "guide"},
        {"role": "assistant", "content": "there", "name": "host"},
        {"role": "user", "content": question, "name": "ann"},
    ]);
    let first = Dialect::Chat.call(&gateway.client, &body).await;
    assert_eq!((first.status, first.text.as_str()), (200, "Ann"), "{}", first.raw);
    let mut named = body["messages"].as_array().expect("messages").clone();
    assert_eq!(gateway.chats().last().expect("a request")["messages"], json!(named));
    named.push(json!({"role": "assistant", "content": "Ann"}));
    let mut nameless = vec![
        json!({"role": "user", "content": "Hello"}),
        json!({"role": "assistant", "content": "Hi\nthere"}),
        json!({"role": "user", "content": question}),
        json!({"role": "assistant", "content": "Ann"}),
    ];
    // The last chat finds the names again that the calls before it did not tell.
    for dialect in DIALECTS.into_iter().chain([Dialect::Chat]) {
        let question = says(&format!("{dialect:?}"), "Yes");
        let seen = in_session(&gateway.client, dialect, Named::Body, "mine", &question, false).await;
        assert_eq!(seen.status, 200, "{dialect:?}: {}", seen.raw);
        let heard = gateway.chats().last().expect("a request")["messages"].clone();
        let asked = json!({"role": "user", "content": question});
        let told = if matches!(dialect, Dialect::Chat) { &named } else { &nameless };
        assert_eq!(heard, json!([told.as_slice(), std::slice::from_ref(&asked)].concat()), "{dialect:?}");
        for history in [&mut named, &mut nameless] {
            history.extend([asked.clone(), json!({"role": "assistant", "content": "Yes"})]);
        }
    }
    // Items have no place for a name.
    let kept = stored(&gateway.client, &first.response()).await.json();
    let conversation = kept["conversation"]["id"].as_str().expect("a conversation");
    let list = format!("/v1/conversations/{conversation}/items");
    for list in [format!("/v1/responses/{}/input_items", first.response()), list.clone()] {
        let shown = gateway.client.get(&format!("{list}?order=asc")).await.json();
        assert_eq!(shown["data"][0]["content"][0]["text"], "Hello");
        assert!(!shown.to_string().contains("\"name\""), "{shown}");
    }
    let oldest = gateway.client.get(&format!("{list}?order=asc&limit=1")).await.json();
    let id = oldest["first_id"].as_str().expect("an id");
    assert_eq!(gateway.client.get(&format!("{list}/{id}")).await.json(), oldest["data"][0]);
    gateway.books().check().await;
    assert!(gateway.finish().await);
}
