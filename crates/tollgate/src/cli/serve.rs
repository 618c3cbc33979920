//! `tollgate serve` and `tollgate demo`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, LogConfig, LogLevel, Overrides};
use crate::first_start::{Ready, owner_of_empty_ledger};
use crate::out::Out;
use crate::{app, demo, telemetry};

use super::Failure;

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
    /// When ready, print one line of JSON: url, admin_url, and the keys that are new.
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
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let json = args.json;
    finished(super::block_on(async {
        let running = app::start(config).await.map_err(Failure::new)?;
        let owner = owner_of_empty_ledger(&running).await.map_err(Failure::new)?;
        let ready = Ready::new(&running, owner.as_ref());
        if json {
            out.json(&ready);
        } else {
            announce(&ready, out);
        }
        app::until_stopped(running, std::future::pending()).await.map_err(Failure::new)
    }))
}

/// Shows one call, and serves until it is stopped.
pub(super) fn demo(args: &DemoArgs, out: &mut Out) -> Result<(), Failure> {
    let mut config = args.config.load()?;
    if config.log == LogConfig::default() {
        // Nobody asked for more, and the demo tells its own story.
        config.log.level = LogLevel::Warn;
    }
    start_logging(&config)?;
    // Without a folder to keep, the demo leaves nothing behind.
    let temporary = match args.config.data_dir {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(Failure::new)?),
    };
    if let Some(folder) = &temporary {
        config.store.path = folder.path().join("tollgate.db");
    }
    finished(super::block_on(async { demo::run(config, args.json, out).await.map_err(Failure::new) }))
}

/// The end of a gateway as the end of its command.
fn finished(drained: Result<bool, Failure>) -> Result<(), Failure> {
    match drained? {
        true => Ok(()),
        false => Err(Failure::new("stopped with calls still open")),
    }
}

/// Tells a person where the gateway is, and the secrets that are shown once.
fn announce(ready: &Ready, out: &mut Out) {
    out.line(&format!("Serving    {}/v1", ready.url));
    out.line(&format!("Admin      {}/admin", ready.admin_url));
    if let Some(secret) = &ready.new_admin_key {
        out.line(&format!("Admin key  {secret}   (shown once: keep it)"));
    }
    if let (Some(key), Some(account)) = (&ready.key, &ready.account_id) {
        out.line(&format!("API key    {key}   (shown once; metered account {account})"));
    }
}

/// Loads the configuration and starts logging.
fn start(args: &ConfigArgs) -> Result<Config, Failure> {
    let config = args.load()?;
    start_logging(&config)?;
    Ok(config)
}

fn start_logging(config: &Config) -> Result<(), Failure> {
    telemetry::init(&config.log).map_err(|error| Failure::new(format!("cannot start logging: {error}")))
}
