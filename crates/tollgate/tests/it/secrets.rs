//! Canaries: keys, tokens, prompts and answers are sent through everything that can happen, and must stand nowhere
//! afterwards: not in the log at its most talkative, not in errors, not in debug output, not in the database.

use std::path::Path;

use bytes::Bytes;
use hf_sim::{HfSim, SimConfig};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use serde_json::{Value, json};
use tollgate::app;
use tollgate::config::{Config, Env, Overrides, Sources};

use crate::client::{Client, Reply};
use crate::harness::{ADMIN_KEY, Gateway, MODEL, soon};
use crate::idempotency;
use crate::pressure::http_2;
use crate::process::Process;
use crate::raw::{ANSWER, CREDENTIAL, FINISH, RAW_MODEL, Raw, STREAM_HEAD, chunk, reply};

/// The token for Hugging Face.
const TOKEN: &str = "hf_CanaryTokenOfTheProvider0123456789";

/// An idempotency key: whoever has it can read what was answered.
const IDEMPOTENCY_KEY: &str = "canary-of-an-idempotency-key";

/// A word of every prompt.
const PROMPT: &str = "canary-word-of-the-prompt";

/// A word of every answer.
const ANSWER_WORD: &str = "canary-word-of-the-answer";

/// What is said by directives of the simulator, so that each does something else.
const DIRECTIVES: &[&str] = &[
    "",
    "[[sim status=400 message=\"bad: canary-word-of-the-prompt\"]]",
    "[[sim status=401]]",
    "[[sim status=403]]",
    "[[sim status=402]]",
    "[[sim status=404]]",
    "[[sim status=422 body=detail message=\"canary-word-of-the-prompt\"]]",
    "[[sim status=429 retry_after=9 message=\"canary-word-of-the-prompt\"]]",
    "[[sim status=500 body=html]]",
    "[[sim status=503 body=cold]]",
    "[[sim ok_error message=\"canary-word-of-the-prompt\"]]",
    "[[sim cut_after=2]]",
    "[[sim no_done finish=none]]",
    "[[sim error_after=2 message=\"canary-word-of-the-prompt\"]]",
    "[[sim garbage=json]]",
    "[[sim garbage=utf8]]",
    "[[sim garbage=line]]",
    "[[sim usage=lying_negative]]",
    "[[sim usage=none]]",
    "[[sim split=random comments]]",
];

fn ask(model: &str, directive: &str, streamed: bool) -> Value {
    let text = format!("{PROMPT} [[sim text=\"{ANSWER_WORD} and more\"]] {directive}");
    json!({"model": model, "stream": streamed, "max_tokens": 50, "messages": [{"role": "user", "content": text}]})
}

/// Everything that a client can do and an upstream can say. Returns what came back besides good answers.
async fn everything(client: &Client, admin: &Client, raw: &Raw) -> String {
    let mut told = String::new();
    for directive in DIRECTIVES {
        for streamed in [false, true] {
            let reply = client.chat(&ask(MODEL, directive, streamed)).await;
            told.push_str(&without_answers(&reply));
        }
    }
    for said in hostile() {
        let _upstream = raw.always(said);
        for streamed in [false, true] {
            let reply = client.chat(&ask(RAW_MODEL, "", streamed)).await;
            told.push_str(&without_answers(&reply));
        }
    }
    for body in [
        format!("{{\"model\":\"{MODEL}\",\"messages\":[\"{PROMPT}\"]}}"),
        format!(
            "{{\"model\":\"{MODEL}\",\"messages\":[{{\"role\":\"user\",\"content\":\"{PROMPT}\"}}],\"n\":-1}}"
        ),
        format!("{{\"messages\":\"{PROMPT}\""),
        format!("{PROMPT}{{"),
        format!(
            "{{\"model\":\"nobody/nothing\",\"messages\":[{{\"role\":\"user\",\"content\":\"{PROMPT}\"}}]}}"
        ),
        format!(
            "{{\"model\":\"{MODEL}\",\"provider\":\"nobody\",\"messages\":[{{\"role\":\"user\",\"content\":\"{PROMPT}\"}}]}}"
        ),
    ] {
        let reply = client.post("/v1/chat/completions", body).await;
        assert!(reply.status.is_client_error(), "{reply:?}");
        told.push_str(&without_answers(&reply));
    }
    for (client, path) in [
        (client, "/v1/models"),
        (client, "/v1/key"),
        (client, "/v1/credits"),
        (client, "/v1/nothing"),
        (admin, "/admin/accounts"),
        (admin, "/metrics"),
        (admin, "/admin/nothing"),
    ] {
        told.push_str(&format!("{:?}", client.get(path).await));
    }
    for body in [ask(MODEL, "", false), ask(MODEL, "", false), ask(MODEL, "[[sim status=500]]", false)] {
        told.push_str(&without_answers(&idempotency::call(client, IDEMPOTENCY_KEY, &body).await));
    }
    leave(client).await;
    told
}

/// What a raw upstream says: errors, and answers that repeat the credential where an error would.
fn hostile() -> Vec<String> {
    let error = format!("{{\"error\":{{\"message\":\"bad {CREDENTIAL} for {PROMPT}\",\"code\":\"no\"}}}}");
    let html = format!("<html><title>{CREDENTIAL} {PROMPT}</title>{ANSWER_WORD}</html>");
    vec![
        reply("401 No", "application/json", &error),
        reply("400 Bad", "application/json", &error),
        reply("429 Slow", "application/json", &error),
        reply("500 Oops", "text/html", &html),
        reply("200 OK", "text/html", &html),
        reply("200 OK", "application/json", &error),
        reply("200 OK", "application/json", &ANSWER.replace("Well.", ANSWER_WORD)),
        reply("200 OK", "application/json", &ANSWER[..60].replace("chat.completion", ANSWER_WORD)),
        format!("{CREDENTIAL} {PROMPT}"),
        format!("{STREAM_HEAD}{}data: {error}\n\n", chunk(ANSWER_WORD)),
        format!("{STREAM_HEAD}{}data: {CREDENTIAL} {PROMPT}\n\n", chunk(ANSWER_WORD)),
        format!("{STREAM_HEAD}{}{FINISH}", chunk(ANSWER_WORD)),
        format!(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/{CREDENTIAL}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
    ]
}

/// A reply with what it says, but for the texts of answers, which are the client's to see.
fn without_answers(reply: &Reply) -> String {
    let body = String::from_utf8_lossy(&reply.body);
    let errors = body.lines().filter(|line| line.contains("\"error\"")).collect::<Vec<_>>().join("\n");
    format!("{:?} {errors}\n", reply.headers)
}

/// A call whose headers and frames another library reads, which has a log of its own.
async fn over_http_2(url: &str, key: &str) {
    let mut sender = http_2(url).await;
    let request = Request::post(format!("{url}/v1/chat/completions")).header("x-api-key", key);
    let request = request.header("idempotency-key", IDEMPOTENCY_KEY.to_owned() + "-2");
    let body = Full::new(Bytes::from(ask(MODEL, "", true).to_string()));
    let response = sender.send_request(request.body(body).expect("a request")).await.expect("a response");
    let told = response.into_body().collect().await.expect("a body").to_bytes();
    assert!(told.ends_with(b"data: [DONE]\n\n"));
}

/// Leaves a stream in the middle.
async fn leave(client: &Client) {
    let mut stream = client.stream(&ask(MODEL, "[[sim tokens=500 gap_ms=5]]", true)).await;
    soon("a first event", stream.next()).await;
}

#[tokio::test]
async fn no_secret_stands_in_the_log_in_errors_or_in_the_database() {
    let (folder, raw) = (tempfile::tempdir().expect("a folder"), Raw::start().await);
    let sim = HfSim::start(SimConfig::default()).expect("the simulator");
    let talkative = format!("TOLLGATE_LOG=trace\nTOLLGATE_LOG_FORMAT=json\nTOLLGATE_ADMIN_KEY={ADMIN_KEY}\n");
    std::fs::write(folder.path().join(".env"), talkative).expect("written");
    let toml = format!("api_key = \"{TOKEN}\"\n{}", raw.toml_with(""));
    let mut process = Process::start(folder.path(), &sim, &toml).await;
    let key = process.text("key").expect("a key");
    let (client, admin) = (Client::new(&process.url(), &key), process.admin(ADMIN_KEY));
    let told = everything(&client, &admin, &raw).await;
    let wrong = client.with_key("tg-canary-of-a-wrong-key").get("/v1/key").await;
    let headers = [("x-api-key", "canary-of-another-key")];
    let other = client.send_with(Method::GET, "/v1/key", &headers, Bytes::new()).await;
    let told = format!("{told}{wrong:?}{:?}", Reply::read(other).await);
    over_http_2(&process.url(), &key).await;
    process.signal("TERM");
    assert!(process.exit().await.success());
    let log = std::fs::read_to_string(folder.path().join("log")).expect("a log");

    for part in ["attempt failed", "\"level\":\"TRACE\"", "\"target\":\"h2::"] {
        assert!(log.contains(part), "the log is as talkative as can be: {part} in {log}");
    }
    let credentials = [
        key.as_str(),
        ADMIN_KEY,
        TOKEN,
        CREDENTIAL,
        IDEMPOTENCY_KEY,
        "canary-of-a-wrong-key",
        "canary-of-another-key",
    ];
    let words = [PROMPT, ANSWER_WORD];
    for canary in credentials.iter().chain(&words) {
        assert!(!log.contains(canary), "{canary} in the log: {}", line_with(&log, canary));
    }
    for canary in credentials {
        // The upstream's own words about a request are the client's to see, its credential is not.
        assert!(!told.contains(canary), "{canary} in a reply: {}", line_with(&told, canary));
    }
    for file in std::fs::read_dir(folder.path()).expect("a folder") {
        let path = file.expect("a file").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tollgate.db")) {
            assert_free_of(&path, credentials.iter().chain(&words));
        }
    }
}

fn line_with<'a>(text: &'a str, canary: &str) -> &'a str {
    text.lines().find(|line| line.contains(canary)).unwrap_or_default()
}

fn assert_free_of<'a>(path: &Path, canaries: impl Iterator<Item = &'a &'a str>) {
    let bytes = std::fs::read(path).expect("readable");
    for canary in canaries {
        let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!found, "{canary} in {}", path.display());
    }
}

/// The same of a database that is in use, with its log.
pub(crate) fn assert_database_free_of(database: &Path, canaries: &[&str]) {
    for suffix in ["", "-wal"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        assert_free_of(Path::new(&path), canaries.iter());
    }
}

#[tokio::test]
async fn no_secret_shows_in_debug_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let toml = format!(
        "[providers.huggingface]\nbase_url = \"http://127.0.0.1:1/v1\"\nheaders = {{ X-Key = \"{CREDENTIAL}\" }}\n\
         [providers.other]\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key = \"{CREDENTIAL}\"\n"
    );
    let env = Env::of(&[("HF_TOKEN", TOKEN), ("TOLLGATE_ADMIN_KEY", ADMIN_KEY)]);
    let any = "127.0.0.1:0".parse().expect("an address");
    let overrides =
        Overrides { listen: Some(any), admin_listen: Some(any), data_dir: Some(folder.path().to_owned()) };
    let sources = Sources { file: Some(("test.toml".into(), toml)), env, overrides };
    let shown_sources = format!("{:?}", sources.env);
    let config = Config::resolve(sources).expect("a configuration");
    let shown_config = format!("{config:?}");
    let running = app::start(config).await.expect("the gateway");
    let kind = domain::AccountKind::Prepaid;
    let owner = tollgate::first_start::make_owner(&running, "test", kind).await.expect("an account");
    let shown = format!("{shown_sources}{shown_config}{running:?}{:?}{owner:?}", running.gateway);
    for canary in [TOKEN, CREDENTIAL, ADMIN_KEY, owner.secret.expose()] {
        assert!(!shown.contains(canary), "{canary} in debug output");
    }
    assert!(shown.contains("127.0.0.1"), "there is debug output");
    assert!(running.run(async {}).await);
}

#[tokio::test]
async fn the_database_of_a_gateway_that_has_ended_holds_no_secret() {
    let gateway = Gateway::start().await;
    let database = gateway.database();
    let key = gateway.key.clone();
    assert!(gateway.client.chat(&ask(MODEL, "", false)).await.status.is_success());
    gateway.settled().await;
    let folder = gateway.finish_keeping().await;
    assert_eq!(database.parent(), Some(folder.path()));
    assert_free_of(&database, [key.as_str(), ADMIN_KEY, PROMPT, ANSWER_WORD].iter());
}
