//! The simulator as a program, for demos, tests in other languages, and load generators.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hf_sim::{Catalogue, CatalogueError, HfSim, Latency, SimConfig, UnmappedError};
use tokio::signal::unix::{SignalKind, signal};

/// A faithful local simulator of the Hugging Face Inference router.
///
/// It serves /v1/models and /v1/chat/completions as the real router does: model suffixes, provider dialects, token
/// classes and error bodies included; and the providers' own paths of embeddings and completions, such as
/// /together/v1/completions. Any token that begins with hf_ is good; hf_broke… has no credit (402) and
/// hf_noinference… no permission (403).
///
/// Faults are scripted per request by a directive in the last user message, such as
/// [[sim status=429 retry_after=2]], or for all requests by POST /_sim/scripts with the same words as JSON. The
/// crate's documentation lists the words. GET /_sim/requests shows what came in; POST /_sim/status
/// {"model","provider","status":"live"|"error"} changes what selection sees.
#[derive(Parser)]
#[command(name = "hf-sim", version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Changes every generated answer.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Milliseconds before the first token.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    first_token_ms: u64,
    /// Milliseconds between two events of a stream.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    gap_ms: u64,
    /// Threads that serve.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    workers: usize,
    /// A catalogue to serve instead of the built-in one: a saved body of GET /v1/models, with an optional key `sim`.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Refuse an unmapped provider with {"error":"text"} instead of {"error":{…}}.
    #[arg(long)]
    unmapped_text: bool,
    /// Do not keep requests for GET /_sim/requests.
    #[arg(long)]
    no_record: bool,
    /// When ready, print one line of JSON instead of prose.
    #[arg(long)]
    json: bool,
}

/// Why the program cannot run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot read the catalogue {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error("cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: io::Error },
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // When even this cannot be said, the exit code says it.
            let _ = writeln!(io::stderr(), "hf-sim: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Signals are caught before the ready line, so whoever has read it can stop the program.
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let sim = HfSim::start(config(arguments)?)
        .map_err(|source| Failure::Listen { addr: arguments.listen, source })?;
    announce(&sim, arguments.json)?;
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    Ok(())
}

fn config(arguments: &Arguments) -> Result<SimConfig, Failure> {
    let catalogue = match &arguments.catalogue {
        None => Catalogue::built_in(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| Failure::Read { path: path.clone(), source })?;
            Catalogue::from_json(&text)?
        }
    };
    Ok(SimConfig {
        listen: arguments.listen,
        seed: arguments.seed,
        latency: Latency {
            first_token: Duration::from_millis(arguments.first_token_ms),
            gap: Duration::from_millis(arguments.gap_ms),
        },
        catalogue,
        workers: arguments.workers,
        record: !arguments.no_record,
        unmapped_error: if arguments.unmapped_text { UnmappedError::Text } else { UnmappedError::Nested },
    })
}

fn announce(sim: &HfSim, json: bool) -> io::Result<()> {
    let url = sim.base_url();
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::json!({ "url": url, "listen": sim.addr().to_string() }))?;
    } else {
        writeln!(out, "hf-sim serves {url} (Ctrl-C stops it). Try:")?;
        writeln!(
            out,
            "  curl -N {url}/chat/completions -H 'Authorization: Bearer hf_demo' -H 'Content-Type: application/json' \
             -d '{{\"model\":\"openai/gpt-oss-20b\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hi\"}}]}}'"
        )?;
    }
    out.flush()
}
