//! The demo's call: over HTTP, as any client would make it.

use std::time::Duration;

use bytes::Bytes;
use domain::{Balance, CallId};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::time::sleep;
use wire::sse::Decoder;

use crate::first_start::Owner;
use crate::gateway::Gateway;
use crate::ledger::StoredReceipt;
use crate::out::Out;

/// The model that the demo asks.
pub(super) const MODEL: &str = "meta-llama/Llama-3.1-8B-Instruct";

const QUESTION: &str = "Say in two sentences what an LLM gateway is good for.";

/// How often the catalogue is asked for before giving up, 20 ms apart.
const CATALOGUE_POLLS_MAX: u32 = 1_500;

/// The longest event of the demo's own stream.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// A call that was made.
pub(super) struct Made {
    pub(super) receipt: StoredReceipt,
    pub(super) before: Balance,
    pub(super) after: Balance,
}

/// What is read of a chunk.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Delta,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

/// Makes the call. With `out`, the answer is shown as it streams.
pub(super) async fn make(
    gateway: &Gateway,
    url: &str,
    owner: &Owner,
    mut out: Option<&mut Out>,
) -> Result<Made, String> {
    wait_for_catalogue(gateway).await?;
    let before = gateway.ledger.balance(owner.account).unwrap_or_default();
    if let Some(out) = out.as_deref_mut() {
        out.line(&format!("You        {QUESTION}"));
        out.text(&format!("{MODEL}\n           "));
    }
    let response = send(url, owner).await?;
    let call = response.headers().get("x-tollgate-call-id").and_then(|id| id.to_str().ok());
    let call: CallId = call.and_then(|id| id.parse().ok()).ok_or("the reply names no call")?;
    if !response.status().is_success() {
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    show(response.into_body(), out).await?;
    let receipt = gateway.ledger.receipt(owner.account, call).await.map_err(|error| error.to_string())?;
    let after = gateway.ledger.balance(owner.account).unwrap_or_default();
    Ok(Made { receipt: receipt.ok_or("the call has no receipt")?, before, after })
}

async fn wait_for_catalogue(gateway: &Gateway) -> Result<(), String> {
    for _ in 0..CATALOGUE_POLLS_MAX {
        if gateway.catalogue.snapshot().is_loaded() {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Err("the catalogue of the provider could not be read".to_owned())
}

async fn send(url: &str, owner: &Owner) -> Result<Response<Incoming>, String> {
    let body = serde_json::json!({
        "model": MODEL,
        "stream": true,
        "max_tokens": 200,
        "messages": [{"role": "user", "content": QUESTION}],
    });
    let request = Request::post(format!("{url}/v1/chat/completions"))
        .header(AUTHORIZATION, format!("Bearer {}", owner.secret.expose()))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| error.to_string())?;
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    client.request(request).await.map_err(|error| error.to_string())
}

/// Reads the stream to its end mark, and shows its text.
async fn show(mut body: Incoming, mut out: Option<&mut Out>) -> Result<(), String> {
    let mut decoder = Decoder::new(EVENT_BYTES_MAX);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() {
            decoder.feed(data);
        }
        while let Some(event) = decoder.next_event().map_err(|error| error.to_string())? {
            if &event.data[..] == b"[DONE]" {
                return Ok(());
            }
            let chunk: Chunk = serde_json::from_slice(&event.data).map_err(|error| error.to_string())?;
            if let Some(error) = chunk.error {
                return Err(error.to_string());
            }
            if let (Some(out), Some(choice)) = (out.as_deref_mut(), chunk.choices.first()) {
                out.text(choice.delta.content.as_deref().unwrap_or_default());
            }
        }
    }
    Err("the stream ended without its end mark".to_owned())
}
