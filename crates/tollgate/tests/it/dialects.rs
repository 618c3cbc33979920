//! The dialects of calls: the same question in each, and what its client sees of the answer.

use hyper::body::Incoming;
use hyper::{Method, Response};
use serde_json::{Value, json};

use crate::client::{Client, Reply, Stream};
use crate::harness::{Gateway, MODEL};

/// A dialect, by its word on receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Responses,
    Messages,
    Completions,
}

pub(crate) const DIALECTS: [Dialect; 4] =
    [Dialect::Chat, Dialect::Responses, Dialect::Messages, Dialect::Completions];

/// What a client sees of an answer, whichever the dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) call: String,
    pub(crate) status: u16,
    /// It is whole: the answer in one piece, or a stream with its clean end.
    pub(crate) complete: bool,
    /// Why it ended, in the dialect's own word.
    pub(crate) finish: String,
    /// The text of the answer.
    pub(crate) text: String,
    /// The error's word: its code, or at Anthropic its type. Empty where there is none.
    pub(crate) error: String,
    /// Everything, as it came.
    pub(crate) raw: String,
}

impl Dialect {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Dialect::Chat => "/v1/chat/completions",
            Dialect::Responses => "/v1/responses",
            Dialect::Messages => "/v1/messages",
            Dialect::Completions => "/v1/completions",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Dialect::Chat => "chat",
            Dialect::Responses => "responses",
            Dialect::Messages => "messages",
            Dialect::Completions => "completions",
        }
    }

    /// The simplest question.
    pub(crate) fn ask(self, text: &str) -> Value {
        self.ask_model(MODEL, text)
    }

    pub(crate) fn ask_model(self, model: &str, text: &str) -> Value {
        let messages = json!([{"role": "user", "content": text}]);
        match self {
            Dialect::Chat | Dialect::Messages => {
                json!({"model": model, "messages": messages, "max_tokens": 64})
            }
            Dialect::Responses => json!({"model": model, "input": text, "max_output_tokens": 64}),
            Dialect::Completions => json!({"model": model, "prompt": text, "max_tokens": 64}),
        }
    }

    pub(crate) async fn open(self, client: &Client, body: &Value) -> Response<Incoming> {
        client.send(Method::POST, self.path(), body.to_string()).await
    }

    pub(crate) async fn call(self, client: &Client, body: &Value) -> Seen {
        self.see(self.open(client, body).await).await
    }

    /// Asks a question, whole or streamed.
    pub(crate) async fn question(self, client: &Client, text: &str, streamed: bool) -> Seen {
        let mut body = self.ask(text);
        body["stream"] = json!(streamed);
        self.call(client, &body).await
    }

    /// Reads an answer to its end.
    pub(crate) async fn see(self, response: Response<Incoming>) -> Seen {
        let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
        if !kind.starts_with("text/event-stream") {
            return self.of_reply(&Reply::read(response).await);
        }
        let stream = Stream::of(response);
        let (call, status) = (stream.call_id(), stream.status.as_u16());
        let told = stream.rest().await;
        let mut seen = Seen { call, status, raw: told.raw.clone(), ..Seen::default() };
        seen.complete = told.done;
        for event in &told.events {
            self.note(event, &mut seen);
        }
        seen
    }

    fn note(self, event: &Value, seen: &mut Seen) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match (self, event["type"].as_str().unwrap_or_default()) {
            (Dialect::Chat, _) => {
                seen.text += &text(&event["choices"][0]["delta"]["content"]);
                seen.finish += &text(&event["choices"][0]["finish_reason"]);
                seen.error += &text(&event["error"]["code"]);
            }
            (Dialect::Completions, _) => {
                seen.text += &text(&event["choices"][0]["text"]);
                seen.finish += &text(&event["choices"][0]["finish_reason"]);
                seen.error += &text(&event["error"]["code"]);
            }
            (Dialect::Responses, "response.output_text.delta") => seen.text += &text(&event["delta"]),
            (Dialect::Responses, "response.completed" | "response.incomplete" | "response.failed") => {
                seen.finish = text(&event["response"]["status"]);
                seen.error = text(&event["response"]["error"]["code"]);
                seen.complete = seen.finish != "failed";
            }
            (Dialect::Messages, "content_block_delta") => seen.text += &text(&event["delta"]["text"]),
            (Dialect::Messages, "message_delta") => seen.finish = text(&event["delta"]["stop_reason"]),
            (Dialect::Messages, "message_stop") => seen.complete = true,
            (Dialect::Messages, "error") => seen.error = text(&event["error"]["type"]),
            _ => {}
        }
    }

    pub(crate) fn of_reply(self, reply: &Reply) -> Seen {
        let json = reply.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pieces = |list: &Value, kind: &str| -> String {
            let pieces = list.as_array().into_iter().flatten().filter(|piece| piece["type"] == kind);
            pieces.map(|piece| text(&piece["text"])).collect()
        };
        let (finish, said) = match self {
            Dialect::Chat => {
                (&json["choices"][0]["finish_reason"], text(&json["choices"][0]["message"]["content"]))
            }
            Dialect::Completions => (&json["choices"][0]["finish_reason"], text(&json["choices"][0]["text"])),
            Dialect::Responses => {
                let items = json["output"].as_array().into_iter().flatten();
                (&json["status"], items.map(|item| pieces(&item["content"], "output_text")).collect())
            }
            Dialect::Messages => (&json["stop_reason"], pieces(&json["content"], "text")),
        };
        let error = if self == Dialect::Messages { &json["error"]["type"] } else { &json["error"]["code"] };
        Seen {
            call: reply.call_id(),
            status: reply.status.as_u16(),
            complete: finish.is_string(),
            finish: text(finish),
            text: said,
            error: text(error),
            raw: String::from_utf8_lossy(&reply.body).into_owned(),
        }
    }
}

impl Seen {
    /// The id of the response that is stored of the call.
    pub(crate) fn response(&self) -> String {
        self.call.replace("call_", "resp_")
    }
}

/// A stored response.
pub(crate) async fn stored(client: &Client, id: &str) -> Reply {
    client.get(&format!("/v1/responses/{id}")).await
}

impl Gateway {
    /// The messages of the last request that reached the upstream, as `role: text`.
    pub(crate) fn heard(&self) -> Vec<String> {
        heard(self.chats().last().expect("a request"))
    }
}

/// The messages of a chat request, as `role: text`.
pub(crate) fn heard(request: &Value) -> Vec<String> {
    let messages = request["messages"].as_array().expect("messages");
    let parts = |content: &Value| -> String {
        let list = content.as_array().into_iter().flatten();
        list.map(|part| part["text"].as_str().unwrap_or("[image]")).collect()
    };
    let told = messages.iter().map(|message| {
        let content = &message["content"];
        let text = content.as_str().map_or_else(|| parts(content), str::to_owned);
        format!("{}: {text}", message["role"].as_str().expect("a role"))
    });
    told.collect()
}
