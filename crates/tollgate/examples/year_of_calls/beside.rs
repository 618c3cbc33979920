//! Calls beside questions about usage, and alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::{AccountId, AccountKind};
use futures_util::future::join_all;
use hf_sim::{HfSim, SimConfig};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tollgate::app;
use tollgate::config::{Config, Env, Overrides, Sources};
use tollgate::first_start::make_owner;
use tollgate::ledger::Ledger;
use tollgate::ledger::usage::{Calls, GroupBy, Interval, SeriesQuery};

use super::{Outcomes, last_days, line};

/// Questions that are open while calls are measured.
const QUESTIONS: usize = 50;

/// Calls per measurement: enough for a steady median.
const CHATS: usize = 1_000;

/// Calls through a gateway on that ledger, alone and beside questions.
pub(super) async fn calls(folder: &Path, account: AccountId) -> Outcomes<()> {
    let sim = HfSim::start(SimConfig::default())?;
    let any = "127.0.0.1:0".parse()?;
    let config = Config::resolve(Sources {
        file: Some((
            PathBuf::from("bench.toml"),
            format!("[providers.huggingface]\nbase_url = \"{}\"\n", sim.base_url()),
        )),
        env: Env::of(&[("HF_TOKEN", "hf_of_the_bench"), ("TOLLGATE_ADMIN_KEY", "admin-key-of-the-bench")]),
        overrides: Overrides {
            listen: Some(any),
            admin_listen: Some(any),
            data_dir: Some(folder.to_owned()),
        },
    })?;
    let running = app::start(config).await?;
    let owner = make_owner(&running, "bench", AccountKind::Metered).await?;
    let (url, ledger) = (running.url(), running.gateway.ledger.clone());
    let secret = owner.secret.expose().to_owned();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = running.run(async {
        let _ = stopped.await;
    });
    let measuring = async move {
        let client = Client::builder(TokioExecutor::new()).build_http();
        while chat(&client, &url, &secret).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let alone = measure(&client, &url, &secret).await?;
        let asking = join_all((0..QUESTIONS).map(|_| ask_for_ever(&ledger, account)));
        let beside = tokio::select! {
            beside = measure(&client, &url, &secret) => beside?,
            _ = asking => return Err("the questions ended".into()),
        };
        line(&format!("calls alone:           {alone:?}"));
        line(&format!("calls beside {QUESTIONS} questions: {beside:?}"));
        drop(stop);
        Ok(())
    };
    let (measured, _) = tokio::join!(measuring, serving);
    measured
}

/// Asks for series without a pause. Questions wait for one another, as they have one thread.
async fn ask_for_ever(ledger: &Ledger, account: AccountId) {
    let all = Calls { account: Some(account), ..Calls::default() };
    let calls = last_days(&all, 365);
    let query = SeriesQuery { calls, interval: Interval::Month, group_by: GroupBy::Model };
    while ledger.series(query.clone()).await.is_ok() {}
}

/// Median and 99th percentile, and what the threads that serve and settle calls took of a processor, each per call.
#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
struct Measured {
    p50: Duration,
    p99: Duration,
    processor: Duration,
}

async fn measure(client: &Http, url: &str, secret: &str) -> Outcomes<Measured> {
    let (mut times, before) = (Vec::with_capacity(CHATS), processor_time()?);
    for _ in 0..CHATS {
        let begun = Instant::now();
        chat(client, url, secret).await?;
        times.push(begun.elapsed());
        // About a hundred calls per second: latency without a queue.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let processor = (processor_time()? - before) / u32::try_from(CHATS)?;
    times.sort_unstable();
    Ok(Measured { p50: times[CHATS / 2], p99: times[CHATS * 99 / 100], processor })
}

type Http = Client<HttpConnector, Full<Bytes>>;

async fn chat(client: &Http, url: &str, secret: &str) -> Outcomes<()> {
    let body = json!({"model": "openai/gpt-oss-120b", "max_tokens": 16,
                      "messages": [{"role": "user", "content": "[[sim tokens=16]]"}]});
    let request = Request::post(format!("{url}/v1/chat/completions"))
        .header(AUTHORIZATION, format!("Bearer {secret}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let response = client.request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status == 200 { Ok(()) } else { Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()) }
}

/// What the workers and the ledger's writer have used. The kernel counts each thread in nanoseconds.
fn processor_time() -> Outcomes<Duration> {
    let mut used = Duration::ZERO;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let name = std::fs::read_to_string(task.join("comm"))?;
        if name.starts_with("worker-") || name.starts_with("ledger-writer") {
            let counted = std::fs::read_to_string(task.join("schedstat"))?;
            used += Duration::from_nanos(counted.split(' ').next().unwrap_or_default().parse()?);
        }
    }
    Ok(used)
}
