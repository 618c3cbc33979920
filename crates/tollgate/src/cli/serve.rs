//! `tollgate serve` and `tollgate demo`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, Overrides};
use crate::telemetry;

use super::{Failure, Out};

/// Where the gateway finds its configuration and listens. `serve`, `demo` and `check` share it.
#[derive(Args, Debug)]
pub(super) struct ConfigArgs {
    /// The configuration file; by default TOLLGATE_CONFIG, else ./tollgate.toml when it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where clients connect; port 0 takes a free one. [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where operators connect; port 0 takes a free one. [default: 127.0.0.1:8001]
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// Where the database is. [default: the current folder]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// `tollgate serve`.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// When ready, print one line of JSON: url, admin_url, and the admin key when it is new.
    #[arg(long)]
    json: bool,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  tollgate serve
  tollgate serve --config /etc/tollgate.toml --data-dir /var/lib/tollgate
  tollgate serve --listen 0.0.0.0:8000
  HUG_API_KEY=hf_… TOLLGATE_LOG=debug tollgate serve --json";

/// `tollgate demo`.
#[derive(Args, Debug)]
#[command(after_help = DEMO_EXAMPLES)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// When ready, print one line of JSON: url, admin_url, key, admin_key, account_id, call_id, cost, balances.
    #[arg(long)]
    json: bool,
}

const DEMO_EXAMPLES: &str = "\
Without a token the built-in simulator of Hugging Face answers; with HUG_API_KEY or HF_TOKEN, Hugging Face does.

Examples:
  tollgate demo
  HF_TOKEN=hf_… tollgate demo
  tollgate demo --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --json";

impl ConfigArgs {
    /// The configuration that these arguments lead to.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let overrides = Overrides {
            listen: self.listen,
            admin_listen: self.admin_listen,
            data_dir: self.data_dir.clone(),
        };
        Ok(Config::load(self.config.as_deref(), &overrides)?)
    }
}

/// Serves until it is stopped.
pub(super) fn serve(args: &ServeArgs, out: &mut Out) -> Result<(), Failure> {
    let config = start(&args.config)?;
    run_gateway(config, args.json, out)
}

/// Shows one call, and serves until it is stopped.
pub(super) fn demo(args: &DemoArgs, out: &mut Out) -> Result<(), Failure> {
    let config = start(&args.config)?;
    run_demo(config, args.json, out)
}

/// Loads the configuration and starts logging.
fn start(args: &ConfigArgs) -> Result<Config, Failure> {
    let config = args.load()?;
    telemetry::init(&config.log).map_err(|error| Failure::new(format!("cannot start logging: {error}")))?;
    Ok(config)
}

/// The call site of the gateway itself.
#[expect(clippy::needless_pass_by_value, reason = "the gateway keeps its configuration")]
fn run_gateway(_config: Config, _json: bool, _out: &mut Out) -> Result<(), Failure> {
    Err(Failure::new("this build has no gateway"))
}

/// The call site of the demo.
#[expect(clippy::needless_pass_by_value, reason = "the gateway keeps its configuration")]
fn run_demo(_config: Config, _json: bool, _out: &mut Out) -> Result<(), Failure> {
    Err(Failure::new("this build has no demo"))
}
