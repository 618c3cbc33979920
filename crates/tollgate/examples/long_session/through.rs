//! Calls through a gateway that go on from a long session, beside calls that bring the same messages themselves.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::AccountKind;
use hf_sim::{Catalogue, HfSim, SimConfig};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tollgate::app;
use tollgate::config::{Config, Env, Overrides, Sources};
use tollgate::first_start::make_owner;
use tollgate::ledger::sessions::Place;

use super::{Outcomes, Session, line, text};

/// How far into the session it is gone on from.
const TURNS: [usize; 4] = [1, 100, 1_000, 10_000];

/// Messages that are measured together, over all calls: few calls where each has many.
const MESSAGES: usize = 200_000;

/// The most and the fewest calls of a measurement.
const CALLS: (usize, usize) = (200, 11);

/// The turns that fit into the small model's context beside an answer, as the gateway estimates them.
const TURNS_THAT_FIT: usize = 28;

/// One model, of whose context nobody says how long it is.
const MODELS: &str = r#"{"object": "list", "data": [{"id": "org/model", "object": "model", "created": 1,
    "owned_by": "org", "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
    "providers": [{"provider": "novita", "status": "live", "is_model_author": false}]}]}"#;

/// The same model twice: with a small context, and with room for all.
const CONFIG: &str = r#"
[models."small"]
provider = "huggingface"
upstream_model = "org/model"
context_length = 8192
free = true

[models."large"]
provider = "huggingface"
upstream_model = "org/model"
context_length = 10_000_000
free = true
"#;

/// Times calls of both kinds at several lengths of a session.
pub(super) async fn calls(data: &Path, turns: usize) -> Outcomes<()> {
    let catalogue = Catalogue::from_json(MODELS)?;
    let sim = HfSim::start(SimConfig { catalogue, record: false, ..SimConfig::default() })?;
    let any = "127.0.0.1:0".parse()?;
    let provider = format!("[providers.huggingface]\nbase_url = \"{}\"\n{CONFIG}", sim.base_url());
    let config = Config::resolve(Sources {
        file: Some((PathBuf::from("bench.toml"), provider)),
        env: Env::of(&[("HF_TOKEN", "hf_of_the_bench"), ("TOLLGATE_ADMIN_KEY", "admin-key-of-the-bench")]),
        overrides: Overrides { listen: Some(any), admin_listen: Some(any), data_dir: Some(data.to_owned()) },
    })?;
    let running = app::start(config).await?;
    let owner = make_owner(&running, "bench", AccountKind::Metered).await?;
    let mut session = Session::of(&running.gateway.ledger, owner.account)?;
    let caller = Caller {
        client: Client::builder(TokioExecutor::new()).build_http(),
        url: running.url(),
        secret: owner.secret.expose().to_owned(),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = running.run(async {
        let _ = stopped.await;
    });
    let measuring = async move {
        for at in TURNS.into_iter().filter(|at| *at <= turns) {
            session.grow(at).await?;
            caller.compare(at, session.place).await?;
        }
        drop((session, stop));
        Ok(())
    };
    let (measured, _) = tokio::join!(measuring, serving);
    measured
}

struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    secret: String,
}

impl Caller {
    /// Times calls after so many turns, and tells their figures.
    async fn compare(&self, turns: usize, place: Place) -> Outcomes<()> {
        let Place::After(call) = place else { return Err("no turn to go on from".into()) };
        let previous = format!("resp_{:032x}", call.to_bits());
        line(&format!("behind {turns} turns, a call that"));
        for (model, truncation, messages) in
            [("small", "auto", turns.min(TURNS_THAT_FIT)), ("large", "disabled", turns)]
        {
            let goes_on = json!({"model": model, "input": "go on", "previous_response_id": previous,
                                 "truncation": truncation, "max_output_tokens": 16});
            let brings = json!({"model": model, "messages": history(messages), "max_tokens": 16});
            let calls = (MESSAGES / (2 * messages + 1)).clamp(CALLS.1, CALLS.0);
            let (stored, carried) = self.in_turns(calls, &goes_on, &brings).await?;
            let of = if messages < turns { "what fits of it" } else { "all of it" };
            stored.tell(&format!("goes on from {of}, which is stored"));
            carried.tell(&format!("brings {of}, {} messages", 2 * messages));
            let ratio = stored.processor.as_secs_f64() / carried.processor.as_secs_f64();
            line(&format!("  processor time, stored to brought: {ratio:.2}"));
        }
        Ok(())
    }

    /// Times both kinds of calls, one after the other, so that both meet the same disturbances.
    async fn in_turns(&self, calls: usize, goes_on: &Value, brings: &Value) -> Outcomes<(Timed, Timed)> {
        let bodies = [
            ("responses", Bytes::from(goes_on.to_string())),
            ("chat/completions", Bytes::from(brings.to_string())),
        ];
        let mut timed = [Timed::default(), Timed::default()];
        for (path, body) in &bodies {
            self.call(path, body).await?;
        }
        for _ in 0..calls {
            for ((path, body), timed) in bodies.iter().zip(&mut timed) {
                let (begun, before) = (Instant::now(), processor_time()?);
                self.call(path, body).await?;
                timed.times.push(begun.elapsed());
                timed.processor += (processor_time()? - before) / u32::try_from(calls)?;
            }
        }
        let [stored, carried] = timed;
        Ok((stored, carried))
    }

    async fn call(&self, path: &str, body: &Bytes) -> Outcomes<()> {
        let request = Request::post(format!("{}/v1/{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {}", self.secret))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body.clone()))?;
        let response = self.client.request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status == 200 {
            Ok(())
        } else {
            Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into())
        }
    }
}

/// The messages of that many turns, and a question.
fn history(turns: usize) -> Value {
    let says = |role: &str, text: String| json!({"role": role, "content": text});
    let turns = (0..turns).flat_map(|_| [says("user", text()), says("assistant", text())]);
    turns.chain([says("user", "go on".to_owned())]).collect()
}

/// What calls of a kind took, and of a processor for each on average.
#[derive(Default)]
struct Timed {
    times: Vec<Duration>,
    processor: Duration,
}

impl Timed {
    fn tell(&self, name: &str) {
        let mut times = self.times.clone();
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (p50, processor) = (ms(times[times.len() / 2]), ms(self.processor));
        line(&format!("  {name}: p50 {p50:.2} ms, processor {processor:.2} ms"));
    }
}

/// What the gateway's threads have used: those that serve, and those that read and write the ledger. The kernel counts
/// each in nanoseconds.
fn processor_time() -> Outcomes<Duration> {
    let mut used = Duration::ZERO;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let name = std::fs::read_to_string(task.join("comm"))?;
        if name.starts_with("worker-") || name.starts_with("ledger-") {
            let counted = std::fs::read_to_string(task.join("schedstat"))?;
            used += Duration::from_nanos(counted.split(' ').next().unwrap_or_default().parse()?);
        }
    }
    Ok(used)
}
