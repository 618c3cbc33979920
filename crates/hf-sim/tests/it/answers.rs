//! What is said: determinism, limits, tools, JSON, reasoning, the routing model.

use hf_sim::{HfSim, SimConfig};
use serde_json::{Value, json};

use crate::client::{Reply, ask, ask_stream, chat, sim, with};

const MODEL: &str = "meta-llama/Llama-3.1-8B-Instruct";

fn content(reply: &Reply) -> String {
    reply.json()["choices"][0]["message"]["content"].as_str().expect("text").to_owned()
}

fn weather() -> Value {
    let parameters = json!({ "type": "object", "properties": {
        "city": { "type": "string" }, "days": { "type": "integer", "minimum": 1, "maximum": 3 },
        "unit": { "enum": ["C", "F"] } }, "required": ["city"] });
    json!({ "type": "function", "function": { "name": "weather", "parameters": parameters } })
}

#[tokio::test]
async fn the_same_question_has_the_same_answer_at_every_provider_and_another_seed_another() {
    let (sim, other) = (sim(), HfSim::start(SimConfig { seed: 1, ..SimConfig::default() }).unwrap());
    let first = content(&chat(&sim, &ask(MODEL, "Hi")).await);
    for suffix in ["", ":groq", ":together", ":cheapest"] {
        let again = chat(&sim, &ask(&format!("{MODEL}{suffix}"), "Hi")).await;
        assert_eq!(content(&again), first, "{suffix}");
    }
    assert_ne!(content(&chat(&other, &ask(MODEL, "Hi")).await), first);
    assert_ne!(content(&chat(&sim, &ask(MODEL, "Ho")).await), first);
    let vary = ask(MODEL, "Hi [[sim vary]]");
    assert_ne!(content(&chat(&sim, &vary).await), content(&chat(&sim, &vary).await));
}

#[tokio::test]
async fn an_answer_that_was_begun_is_continued() {
    let sim = sim();
    for question in ["Tell me", "[[sim reasoning=3]]", "[[sim text=\"one two three four\"]]"] {
        let whole = content(&chat(&sim, &ask(MODEL, question)).await);
        let middle = whole.char_indices().nth(whole.chars().count() / 2).unwrap().0;
        let begun = |begun: &str| {
            json!({ "model": MODEL, "messages": [{ "role": "user", "content": question },
                { "role": "assistant", "content": begun }] })
        };
        let rest = chat(&sim, &begun(&whole[..middle])).await;
        assert_eq!(content(&rest), &whole[middle..], "{question}");
        assert!(rest.json()["choices"][0]["message"].get("reasoning").is_none());
        assert_eq!(content(&chat(&sim, &begun("Another beginning")).await), whole, "{question}");
    }
}

#[tokio::test]
async fn limits_cut_the_answer_and_say_so() {
    let sim = sim();
    for (more, prompt, tokens, reason) in [
        (json!({ "max_tokens": 5 }), "[[sim tokens=9]]", 5, "length"),
        (json!({ "max_completion_tokens": 9 }), "[[sim tokens=9]]", 9, "stop"),
        (json!({}), "[[sim tokens=9 cap=4]]", 4, "length"),
        (json!({ "max_tokens": 9 }), "[[sim tokens=9 cap=4]]", 9, "stop"),
        (json!({}), "[[sim tokens=3000]]", 2048, "length"),
        (json!({ "max_tokens": 3 }), "[[sim tokens=9 reasoning=5]]", 3, "length"),
        (json!({ "n": 3 }), "[[sim tokens=9]]", 27, "stop"),
    ] {
        let body = with(ask(&format!("{MODEL}:together"), prompt), &more);
        let reply = chat(&sim, &body).await.json();
        assert_eq!(reply["usage"]["completion_tokens"], tokens, "{prompt}");
        assert_eq!(reply["choices"][0]["finish_reason"], reason, "{prompt}");
        let streamed = chat(&sim, &with(body, &json!({ "stream": true }))).await;
        assert!(streamed.text().contains(&format!("\"finish_reason\":\"{reason}\"")), "{prompt}");
    }
    assert_eq!(sim.total_usage().completion_tokens, 2 * (5 + 9 + 4 + 9 + 2048 + 3 + 27));
}

#[tokio::test]
async fn several_choices_are_streamed_side_by_side() {
    let sim = sim();
    let body = with(ask_stream(MODEL, "[[sim tokens=4]]"), &json!({ "n": 2 }));
    let streamed = chat(&sim, &body).await;
    let whole = chat(&sim, &with(ask(MODEL, "[[sim tokens=4]]"), &json!({ "n": 2 }))).await.json();
    let mut texts = [String::new(), String::new()];
    for chunk in streamed.chunks().iter().filter(|chunk| chunk["choices"] != json!([])) {
        let choice = &chunk["choices"][0];
        let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
        texts[index].push_str(choice["delta"]["content"].as_str().unwrap_or_default());
    }
    for (index, text) in texts.iter().enumerate() {
        assert_eq!(whole["choices"][index]["message"]["content"].as_str(), Some(text.as_str()));
    }
    assert_ne!(texts[0], texts[1]);
}

#[tokio::test]
async fn a_stop_sequence_ends_the_answer_before_itself() {
    let sim = sim();
    let body = with(ask(MODEL, "[[sim text=\"one two three\"]]"), &json!({ "stop": ["three", "two"] }));
    let reply = chat(&sim, &body).await;
    assert_eq!(
        (content(&reply).as_str(), reply.json()["choices"][0]["finish_reason"].as_str()),
        ("one ", Some("stop"))
    );
}

#[tokio::test]
async fn tools_are_called_with_arguments_that_fit_and_their_results_are_used() {
    let sim = sim();
    let tools = json!({ "tools": [weather()] });
    let reply = chat(&sim, &with(ask(MODEL, "Weather?"), &tools.clone())).await.json();
    let call = &reply["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(reply["choices"][0]["message"]["content"], Value::Null);
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!((1..=3).contains(&arguments["days"].as_i64().unwrap()));
    assert!(["C", "F"].contains(&arguments["unit"].as_str().unwrap()));

    let history = json!([{ "role": "user", "content": "Weather?" },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": call["id"], "content": "17 degrees, dry" }]);
    let used = chat(&sim, &with(json!({ "model": MODEL, "messages": history }), &tools.clone())).await;
    assert!(content(&used).contains("17 degrees, dry"));

    let not = with(ask(MODEL, "Weather?"), &with(tools, &json!({ "tool_choice": "none" })));
    assert!(!content(&chat(&sim, &not).await).is_empty());
    let named = json!({ "type": "function", "function": { "name": "other" } });
    let other = json!({ "type": "function", "function": { "name": "other" } });
    let two = json!({ "tools": [weather(), other], "tool_choice": named });
    let reply = chat(&sim, &with(ask(MODEL, "Go"), &two)).await.json();
    assert_eq!(reply["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "other");
}

#[tokio::test]
async fn a_script_names_the_tool_its_arguments_and_what_is_said_of_the_result() {
    let sim = sim();
    let prompt = r#"Pay [[sim call=shell arguments="{\"command\": \"pay\"}" text="It is paid."]]"#;
    for offered in [json!({}), json!({ "tools": [weather()], "tool_choice": "none" })] {
        let asked = chat(&sim, &with(ask(MODEL, prompt), &offered)).await.json();
        let call = &asked["choices"][0]["message"]["tool_calls"][0];
        assert_eq!(
            call["function"],
            json!({ "name": "shell", "arguments": r#"{"command": "pay"}"# }),
            "{offered}"
        );
        let history = json!([{ "role": "user", "content": prompt },
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": call["id"], "content": "paid" }]);
        let answered = chat(&sim, &with(json!({ "model": MODEL, "messages": history }), &offered)).await;
        assert_eq!(content(&answered), "It is paid.");
    }
    let fitting =
        chat(&sim, &with(ask(MODEL, "[[sim call=weather]]"), &json!({ "tools": [weather()] }))).await;
    let arguments = fitting.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].clone();
    assert!(arguments.as_str().unwrap().contains("city"), "{arguments}");
}

#[tokio::test]
async fn tool_calls_go_wrong_in_every_known_way() {
    let sim = sim();
    for fault in ["no_id", "no_index", "parallel", "empty_args", "bad_args", "leak", "xml", "none"] {
        let prompt = format!("[[sim tool={fault} dialect=together]]");
        let body = with(ask_stream(MODEL, &prompt), &json!({ "tools": [weather()] }));
        let reply = chat(&sim, &body).await;
        let chunks = reply.chunks();
        let calls: Vec<&Value> = chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0])
            .filter(|c| c.is_object())
            .collect();
        let arguments: String =
            calls.iter().map(|call| call["function"]["arguments"].as_str().unwrap()).collect();
        let holds = match fault {
            "no_id" => calls.iter().all(|call| call.get("id").is_none()) && !calls.is_empty(),
            "no_index" => calls.iter().all(|call| call.get("index").is_none()) && !calls.is_empty(),
            "parallel" => calls.iter().any(|call| call["index"] == 1),
            "empty_args" => arguments.is_empty() && calls.len() == 1,
            "bad_args" => serde_json::from_str::<Value>(&arguments).is_err(),
            "leak" => {
                reply.deltas("content").contains("<|tool_call_argument_begin|>")
                    && reply.text().contains("\"finish_reason\":\"stop\"")
            }
            "xml" => reply.deltas("reasoning").contains("<tool_call>"),
            _ => calls.is_empty() && !reply.deltas("content").is_empty(),
        };
        assert!(holds, "{fault}: {}", reply.text());
    }
    let filler = with(ask_stream(MODEL, "[[sim none_filler]]"), &json!({ "tools": [weather()] }));
    let filler = chat(&sim, &filler).await;
    assert_eq!(filler.deltas("content"), "None");
    assert!(filler.text().contains("tool_calls"));
}

#[tokio::test]
async fn structured_answers_fit_their_schema_in_every_spelling() {
    let sim = sim();
    let schema = json!({ "type": "object", "properties": {
        "name": { "type": "string", "maxLength": 4 }, "age": { "type": "integer", "minimum": 18 },
        "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" }, "minItems": 2 },
        "score": { "type": ["number", "null"] }, "ok": { "type": "boolean" } },
        "$defs": { "tag": { "enum": ["a", "b"] } } });
    for format in [
        json!({ "type": "json_schema", "json_schema": { "name": "x", "schema": schema } }),
        json!({ "type": "json_schema", "schema": schema }),
        json!({ "type": "json_object", "schema": schema }),
        json!({ "type": "json_object", "value": schema }),
    ] {
        let reply = chat(&sim, &with(ask(MODEL, "Who?"), &json!({ "response_format": format }))).await;
        let made: Value = serde_json::from_str(&content(&reply)).unwrap();
        assert!(made["name"].as_str().unwrap().chars().count() <= 4, "{made}");
        assert!(made["age"].as_i64().unwrap() >= 18 && made["ok"].is_boolean() && made["score"].is_number());
        let tags = made["tags"].as_array().unwrap();
        assert!(tags.len() == 2 && tags.iter().all(|tag| tag == "a" || tag == "b"), "{made}");
    }
    let any = json!({ "response_format": { "type": "json_object" } });
    let any = content(&chat(&sim, &with(ask(MODEL, "JSON?"), &any)).await);
    assert!(serde_json::from_str::<Value>(&any).unwrap().is_object());
}

#[tokio::test]
async fn thinking_models_think_unless_told_not_to() {
    let sim = sim();
    let reasoning = |body: Value| {
        let sim = &sim;
        async move { chat(sim, &body).await.json()["choices"][0]["message"]["reasoning"].clone() }
    };
    assert!(reasoning(ask("openai/gpt-oss-20b", "Hi")).await.is_string());
    assert!(reasoning(ask(MODEL, "Hi")).await.is_null());
    let without = with(ask("openai/gpt-oss-20b", "Hi"), &json!({ "reasoning_effort": "none" }));
    assert!(reasoning(without).await.is_null());
}

#[tokio::test]
async fn prompts_are_counted_by_their_text_and_images() {
    let sim = sim();
    let parts = json!([{ "type": "text", "text": "12345678" }, { "type": "text", "text": "9" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }]);
    let body = json!({ "model": "Qwen/Qwen3-VL-30B-A3B-Instruct", "messages": [
        { "role": "system", "content": "1234" }, { "role": "user", "content": parts }] });
    let usage = chat(&sim, &body).await.json()["usage"].clone();
    assert_eq!(usage["prompt_tokens"], (3 + 1) + (3 + 2 + 1 + 300));
}

#[tokio::test]
async fn logprobs_come_per_token_when_asked_for() {
    let sim = sim();
    let body = with(ask(MODEL, "[[sim tokens=4]]"), &json!({ "logprobs": true }));
    let reply = chat(&sim, &body).await;
    let tokens = reply.json()["choices"][0]["logprobs"]["content"].clone();
    let joined: String =
        tokens.as_array().unwrap().iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert_eq!(joined, content(&reply));
    let streamed = chat(&sim, &with(body, &json!({ "stream": true }))).await;
    let told = streamed.chunks().iter().filter(|c| c["choices"][0]["logprobs"]["content"].is_array()).count();
    assert_eq!(told, 4);
}

#[tokio::test]
async fn the_routing_model_picks_the_route_that_fits() {
    let sim = sim();
    let routes = json!([{ "name": "code_generation", "description": "writing code and functions" },
        { "name": "travel", "description": "planning a journey, hotels and flights" }]);
    for (question, route) in [
        ("Find me flights to Rome", "travel"),
        ("write code for a sort", "code_generation"),
        ("Hello!", "other"),
    ] {
        let turns = json!([{ "role": "user", "content": question }]);
        let prompt = format!(
            "You route. Routes are in <routes></routes>.\n<routes>\n{routes}\n</routes>\n\n<conversation>\n{turns}\n\
             </conversation>\nAnswer."
        );
        let reply = chat(&sim, &ask("katanemo/Arch-Router-1.5B", &prompt)).await;
        assert_eq!(content(&reply), json!({ "route": route }).to_string());
    }
}
