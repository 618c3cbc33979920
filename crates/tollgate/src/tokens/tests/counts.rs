//! What is counted.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, prop_oneof, proptest};
use proptest::sample::select;
use serde::Deserialize;
use serde_json::{Value, json};
use wire::chat::{IMAGE_TOKENS_ESTIMATED, MESSAGE_TOKENS, TOOL_TOKENS};

use super::{NOW_MS, ask, files, request};
use crate::clock::Clock;
use crate::tokens::TEXT_BYTES_MAX;
use crate::tokens::conversation::Conversation;
use crate::tokens::files::TokenizerFiles;
use crate::tokens::template::ChatTemplates;
use crate::tokens::tokenizer::ModelTokenizer;

/// Made with Python's libraries, by `make.py` beside it.
const COUNTS: &str = include_str!("../../../../hf-sim/fixtures/hub/counts.json");
const CONVERSATIONS: &str = include_str!("../../../../hf-sim/fixtures/hub/conversations.json");

#[derive(Deserialize)]
struct Expected {
    name: String,
    text: String,
    tokens: u64,
}

fn clock() -> Clock {
    Clock::Manual(Arc::new(NOW_MS.into()))
}

fn load(files: &TokenizerFiles) -> ModelTokenizer {
    ModelTokenizer::load(files, &clock()).unwrap()
}

/// The fixture's tokenizer with another template.
fn with_template(template: &str) -> ModelTokenizer {
    load(&TokenizerFiles { template: Some(Bytes::from(template.to_owned())), ..files() })
}

fn count(tokenizer: &ModelTokenizer, body: &Value) -> Option<u64> {
    tokenizer.count_chat(request(body).body())
}

fn tokens(tokenizer: &ModelTokenizer, text: &str) -> Option<u64> {
    tokenizer.count_texts(&[text]).map(|counts| counts[0])
}

#[test]
fn prompts_are_those_of_python_and_so_are_their_counts() {
    let expected: Vec<Expected> = serde_json::from_str(COUNTS).unwrap();
    // Read as text: the order of keys is part of it.
    let conversations: Vec<&serde_json::value::RawValue> = serde_json::from_str(CONVERSATIONS).unwrap();
    assert_eq!(expected.len(), conversations.len());
    let (templates, tokenizer) = (ChatTemplates::load(&files(), &clock()).unwrap().unwrap(), load(&files()));
    for (expected, conversation) in expected.iter().zip(conversations) {
        let body = conversation.get().as_bytes();
        let text = templates.render(&Conversation::read(body).unwrap());
        assert_eq!(text.unwrap(), expected.text, "{}", expected.name);
        assert_eq!(tokenizer.count_chat(body), Some(expected.tokens), "{}", expected.name);
    }
}

#[test]
fn arguments_of_a_tool_call_count_the_same_as_text_and_as_an_object() {
    let call = |arguments: Value| {
        json!({ "messages": [{ "role": "assistant", "content": null, "tool_calls": [
            { "id": "a", "type": "function", "function": { "name": "f", "arguments": arguments } },
        ] }] })
    };
    let tokenizer = load(&files());
    let counted = count(&tokenizer, &call("{\"zone\":\"Zürich\"}".into()));
    assert_eq!(counted, count(&tokenizer, &call(json!({ "zone": "Zürich" }))));
    // Arguments that are no object fail in the template, and count by their text.
    assert!(counted < count(&tokenizer, &call("no object, and a longer text than the object is".into())));
}

#[test]
fn an_image_counts_by_its_allowance_and_its_payload_not_at_all() {
    let image = |url: String| {
        json!({ "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "Hello" },
            { "type": "image_url", "image_url": { "url": url } },
        ] }] })
    };
    let tokenizer = load(&files());
    let hello = tokenizer.count_chat(ask("Hello").body()).unwrap();
    for url in ["https://example.org/a.png".to_owned(), format!("data:image/png;base64,{}", "A".repeat(5000))]
    {
        assert_eq!(count(&tokenizer, &image(url)), Some(hello + IMAGE_TOKENS_ESTIMATED));
    }
    let audio = json!({ "messages": [{ "role": "user", "content": [
        { "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } },
    ] }] });
    assert_eq!(count(&tokenizer, &audio), None);
}

/// Templates that take parts alone get parts; a template that asks for tools gets those with tools.
#[test]
fn the_template_gets_what_it_is_written_for() {
    let parts = "{% for m in messages %}{% for p in m['content'] %}{% if p['type'] == 'image' %}<|image|>\
                 {% else %}{{ p['text'] }}{% endif %}{% endfor %}{% endfor %}";
    let tokenizer = with_template(parts);
    assert_eq!(tokenizer.count_chat(ask("Hello").body()), tokens(&tokenizer, "Hello"));
    let image = json!({ "messages": [{ "role": "user", "content": [{ "type": "input_image" }, "Hello"] }] });
    let expected = tokens(&tokenizer, "<|image|>Hello").unwrap() + IMAGE_TOKENS_ESTIMATED;
    assert_eq!(count(&tokenizer, &image), Some(expected));

    let named = json!({ "chat_template": [
        { "name": "default", "template": "{% generation %}plain{% endgeneration %} {{ enable_thinking }}" },
        { "name": "tool_use", "template": "{{ tools | length }} tools" },
    ] });
    let tokenizer = load(&TokenizerFiles { config: Some(named.to_string().into()), ..files() });
    let mut body = json!({ "messages": [{ "role": "user", "content": "x" }], "chat_template_kwargs": { "enable_thinking": true } });
    assert_eq!(count(&tokenizer, &body), tokens(&tokenizer, "plain True"));
    body["tools"] = json!([{ "type": "function", "function": { "name": "f" } }]);
    assert_eq!(count(&tokenizer, &body), tokens(&tokenizer, "1 tools"));
}

#[test]
fn without_a_template_that_works_the_texts_count_with_an_allowance_each() {
    let body = json!({
        "messages": [{ "role": "user", "content": "Hello" }, { "role": "user", "content": [{ "type": "text", "text": "there" }] }],
        "tools": [{ "type": "function", "function": { "name": "f" } }],
    });
    let none = TokenizerFiles { config: None, ..files() };
    let tool = "{\"function\": {\"name\": \"f\"}, \"type\": \"function\"}";
    for tokenizer in [
        load(&none),
        with_template("{{ raise_exception('no tools here') }}"),
        with_template("{% if %}"),
        with_template("{{ messages[7].content.missing.more }}"),
        with_template(
            "{% for i in range(100000000) %}{% for j in range(100000000) %}{% endfor %}{% endfor %}",
        ),
        with_template("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        with_template("{% for i in range(100000) %}{{ 'a long line of text' * 1000 }}{% endfor %}"),
    ] {
        let texts = tokens(&tokenizer, &format!("Hello\nuser\nthere\nuser\n{tool}\n")).unwrap();
        assert_eq!(count(&tokenizer, &body), Some(texts + 2 * MESSAGE_TOKENS + TOOL_TOKENS));
    }
}

#[test]
fn a_text_that_is_too_long_is_not_counted() {
    let tokenizer = load(&files());
    assert_eq!(tokens(&tokenizer, &"a".repeat(TEXT_BYTES_MAX + 1)), None);
    assert_eq!(tokenizer.count_chat(ask(&"a".repeat(TEXT_BYTES_MAX + 1)).body()), None);
}

/// Long texts are tokenized in pieces, and come to what their parts come to.
#[test]
fn a_long_text_counts_like_its_lines() {
    let tokenizer = load(&files());
    let line = "  The model answers: 東京, 🙂\n\n\tdone.\n";
    let lines = 300_000 / line.len();
    // A line begins with a word, and the one before it ends with its line end.
    let paragraph = format!("It{line}");
    let one = tokens(&tokenizer, &paragraph).unwrap();
    assert_eq!(tokens(&tokenizer, &paragraph.repeat(lines)), Some(one * lines as u64));
    // Without a line there is a cut in every 16 KiB, and maybe a token more.
    let (letters, counted) = (256 << 10, tokens(&tokenizer, &"é".repeat(128 << 10)).unwrap());
    assert!(counted > 0 && counted <= letters);
}

/// Text as people and machines write it, and the tokenizer's own words in it.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ a-zA-Z0-9.,\n\t]{0,60}",
        select(vec![
            "<|start|>",
            "<|stop|>",
            " 東京",
            "🙂",
            "\u{0}",
            "the model answers",
            "\r\n\r\n",
            "\\\"<>&"
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Loaded once for all the texts.
static TOKENIZER: LazyLock<ModelTokenizer> = LazyLock::new(|| load(&files()));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// What makes the byte bound a bound.
    #[test]
    fn there_are_never_more_tokens_than_the_bytes_allow(
        texts in prop::collection::vec((select(vec!["system", "user", "assistant"]), text()), 1..6),
        tools in prop::collection::vec(text(), 0..3),
    ) {
        let tokenizer = &*TOKENIZER;
        let messages: Vec<Value> =
            texts.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect();
        let tools: Vec<Value> = tools.iter().map(|text| {
            json!({ "type": "function", "function": { "name": "f", "description": text } })
        }).collect();
        let request = request(&json!({ "messages": messages, "tools": tools }));
        let counted = tokenizer.count_chat(request.body()).unwrap();
        prop_assert!(counted <= request.bound().input_tokens);
        for (_, text) in &texts {
            prop_assert!(tokens(tokenizer, text).unwrap() <= text.len() as u64);
        }
    }
}
