//! Conversations that the gateway keeps: chains and branches of responses, and what is the same of them in every dialect.
//! The upstream hears exactly the history, and nothing is kept that was not to be.

use serde_json::{Value, json};

use crate::client::{Client, Stream};
use crate::dialects::{Dialect, Seen, heard, stored};
use crate::harness::Gateway;
use crate::raw::{ANSWER, RAW_MODEL, Raw, reply};
use crate::secrets::assert_database_free_of;

/// A question that is answered with `text`.
pub(crate) fn says(question: &str, text: &str) -> String {
    format!("{question} [[sim text=\"{text}\" reasoning=0]]")
}

/// A response that goes on from `previous`, or begins.
pub(crate) async fn respond(client: &Client, text: &str, previous: Option<&Seen>) -> Seen {
    let mut body = Dialect::Responses.ask(text);
    if let Some(previous) = previous {
        body["previous_response_id"] = json!(previous.response());
    }
    let seen = Dialect::Responses.call(client, &body).await;
    assert_eq!(seen.status, 200, "{}", seen.raw);
    seen
}

#[tokio::test]
async fn a_response_goes_on_from_another_and_the_upstream_hears_exactly_its_chain() {
    let gateway = Gateway::start().await;
    let questions = ["One", "Two", "Three"].map(|word| says(word, &format!("Answer {word}")));
    let first = respond(&gateway.client, &questions[0], None).await;
    let second = respond(&gateway.client, &questions[1], Some(&first)).await;
    respond(&gateway.client, &questions[2], Some(&second)).await;
    let user = |at: usize| format!("user: {}", questions[at]);
    let (one, two) = ("assistant: Answer One".to_owned(), "assistant: Answer Two".to_owned());
    assert_eq!(gateway.heard(), [user(0), one.clone(), user(1), two, user(2)]);
    // A branch knows nothing of what came after its beginning.
    respond(&gateway.client, &questions[2], Some(&first)).await;
    assert_eq!(gateway.heard(), [user(0), one.clone(), user(2)]);
    // A stored response shows its own input alone, and of which it is the next.
    let kept = stored(&gateway.client, &second.response()).await.json();
    assert_eq!(kept["previous_response_id"], first.response());
    let items = gateway.client.get(&format!("/v1/responses/{}/input_items", second.response())).await.json();
    assert_eq!(items["data"].as_array().expect("items").len(), 1);
    assert_eq!(items["data"][0]["content"][0]["text"], questions[1]);
    // What is deleted in the middle of a chain ends it for those behind it, and for no other.
    let deleted = gateway.client.delete(&format!("/v1/responses/{}", first.response())).await;
    assert_eq!((deleted.status.as_u16(), &deleted.json()["deleted"]), (200, &json!(true)));
    assert_eq!(stored(&gateway.client, &second.response()).await.json(), kept, "it is still what it was");
    for gone in [&first, &second] {
        let mut body = Dialect::Responses.ask("Go on");
        body["previous_response_id"] = json!(gone.response());
        let refused = Dialect::Responses.call(&gateway.client, &body).await;
        assert_eq!((refused.status, refused.error.as_str()), (404, "previous_response_not_found"));
    }
    assert_eq!(gateway.client.delete(&format!("/v1/responses/{}", first.response())).await.status, 404);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_conversation_goes_on_with_another_model_of_another_provider() {
    let raw = Raw::start().await;
    let gateway = Gateway::start_with(raw.setup()).await;
    let question = says("One", "Answer One");
    let first = respond(&gateway.client, &question, None).await;
    let body = json!({"model": RAW_MODEL, "input": "Two", "instructions": "Be brief.",
        "previous_response_id": first.response()});
    let said = reply("200 OK", "application/json", ANSWER);
    let (second, exchange) =
        tokio::join!(Dialect::Responses.call(&gateway.client, &body), raw.answer(said.as_bytes()));
    assert_eq!((second.status, second.text.as_str()), (200, "Well."), "{}", second.raw);
    let told = [format!("user: {question}"), "assistant: Answer One".to_owned(), "user: Two".to_owned()];
    assert_eq!(heard(&exchange.json())[1..], told);
    assert!(heard(&exchange.json())[0].ends_with(": Be brief."), "{:?}", exchange.json());
    // And back, without the instructions: they are of their call alone.
    respond(&gateway.client, "Three", Some(&second)).await;
    let again = [&told[..], &["assistant: Well.".to_owned(), "user: Three".to_owned()]].concat();
    assert_eq!(gateway.heard(), again);
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_is_not_to_be_stored_leaves_nothing_on_the_disk() {
    let gateway = Gateway::start().await;
    let (prompt, answer) = ("canary-of-the-prompt", "canary-of-the-answer");
    for streamed in [false, true] {
        let mut body = Dialect::Responses.ask(&says(prompt, answer));
        body["store"] = json!(false);
        body["stream"] = json!(streamed);
        body["instructions"] = json!("canary-of-the-instructions");
        body["metadata"] = json!({"note": "canary-of-the-metadata"});
        let seen = Dialect::Responses.call(&gateway.client, &body).await;
        assert_eq!((seen.status, seen.text.as_str(), seen.complete), (200, answer, true), "{}", seen.raw);
        assert_eq!(stored(&gateway.client, &seen.response()).await.status, 404);
        let mut on = Dialect::Responses.ask("Go on");
        on["previous_response_id"] = json!(seen.response());
        assert_eq!(Dialect::Responses.call(&gateway.client, &on).await.status, 404);
    }
    for dialect in [Dialect::Chat, Dialect::Messages, Dialect::Completions] {
        assert_eq!(dialect.question(&gateway.client, &says(prompt, answer), true).await.text, answer);
    }
    gateway.settled().await;
    let canaries = [prompt, answer, "canary-of-the-instructions", "canary-of-the-metadata"];
    assert_database_free_of(&gateway.database(), &canaries);
    // The same, stored, is there, and gone when it is deleted and the store has been tidied.
    let kept = respond(&gateway.client, &says("to be kept", "kept"), None).await;
    assert_eq!(stored(&gateway.client, &kept.response()).await.status, 200);
    assert!(gateway.finish().await);
}

/// The messages of a conversation, oldest first, read in small pages, as `role: text`.
pub(crate) async fn items(client: &Client, conversation: &str) -> Vec<String> {
    let (mut told, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/conversations/{conversation}/items?order=asc&limit=5{after}");
        let page = client.get(&path).await.json();
        for item in page["data"].as_array().unwrap_or_else(|| panic!("{page}")) {
            let parts = item["content"].as_array().into_iter().flatten();
            let text: String = parts.map(|part| part["text"].as_str().unwrap_or_default()).collect();
            if item["type"] == "message" {
                told.push(format!("{}: {text}", item["role"].as_str().expect("a role")));
            }
        }
        if page["has_more"] == false {
            return told;
        }
        after = format!("&after={}", page["last_id"].as_str().expect("an id"));
    }
}

#[tokio::test]
async fn reasoning_tool_calls_and_their_outputs_are_the_same_in_every_dialect() {
    let gateway = Gateway::start().await;
    let question = "Weather? [[sim call=weather arguments=\"{\\\"city\\\":\\\"Oslo\\\"}\" reasoning=6]]";
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let function = json!({"name": "weather", "description": "Tells it.", "parameters": schema});
    let mut flat = function.clone();
    flat["type"] = json!("function");
    let chat_tool = json!([{"type": "function", "function": function}]);
    let messages_tool = json!([{"name": "weather", "description": "Tells it.", "input_schema": schema}]);
    for (dialect, tools) in
        [(Dialect::Chat, chat_tool), (Dialect::Messages, messages_tool), (Dialect::Responses, json!([flat]))]
    {
        for streamed in [true, false] {
            let session = format!("{dialect:?}-{streamed}");
            let mut body = dialect.ask(question);
            body["tools"] = tools.clone();
            body["stream"] = json!(streamed);
            body["session_id"] = json!(session);
            let seen = dialect.call(&gateway.client, &body).await;
            assert_eq!(seen.status, 200, "{session}: {}", seen.raw);
            let kept = stored(&gateway.client, &seen.response()).await.json();
            let output = kept["output"].as_array().expect("items");
            let call = output
                .iter()
                .find(|item| item["type"] == "function_call")
                .unwrap_or_else(|| panic!("{kept}"));
            assert_eq!(
                (&call["name"], &call["arguments"]),
                (&json!("weather"), &json!("{\"city\":\"Oslo\"}"))
            );
            assert!(output.iter().any(|item| item["type"] == "reasoning"), "{session}: {kept}");
            // The output of the tool comes in yet another dialect, and the upstream hears call and output together.
            let id = call["call_id"].as_str().expect("an id").to_owned();
            let output = json!([{"type": "function_call_output", "call_id": id, "output": "Rain"}]);
            let mut on = Dialect::Responses.ask("");
            (on["input"], on["session_id"]) = (output, json!(session));
            on["tools"] = json!([flat]);
            let answer = Dialect::Responses.call(&gateway.client, &on).await;
            assert_eq!((answer.status, answer.complete), (200, true), "{session}: {}", answer.raw);
            let request = gateway.chats().pop().expect("a request");
            let messages = request["messages"].as_array().expect("messages");
            assert_eq!(messages[1]["tool_calls"][0]["id"], id, "{session}: {request}");
            assert_eq!(messages[1]["tool_calls"][0]["function"]["arguments"], "{\"city\":\"Oslo\"}");
            assert_eq!((&messages[2]["role"], &messages[2]["content"]), (&json!("tool"), &json!("Rain")));
            assert_eq!(messages[2]["tool_call_id"], id);
        }
    }
    gateway.settled().await;
    assert!(gateway.finish().await);
}

/// Streamed responses that are read back right after their last event.
const READS: usize = 200;

#[tokio::test]
async fn a_response_can_be_read_as_soon_as_its_last_event_is_there() {
    let gateway = Gateway::start().await;
    for at in 0..READS {
        let mut body = Dialect::Responses.ask(&format!("Question {at} [[sim tokens=3 reasoning=0]]"));
        body["stream"] = json!(true);
        let mut stream = Stream::of(Dialect::Responses.open(&gateway.client, &body).await);
        let told: Value = loop {
            let event = stream.next().await.expect("an event");
            let event: Value = serde_json::from_slice(&event.data).expect("JSON");
            if event["type"] == "response.completed" {
                break event["response"].clone();
            }
        };
        let kept = stored(&gateway.client, told["id"].as_str().expect("an id")).await;
        assert_eq!((kept.status.as_u16(), kept.json()), (200, told), "{at}");
    }
    assert!(gateway.finish().await);
}
