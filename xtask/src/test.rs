//! `cargo xtask test`: installs what the tests need, then runs all of them.

use std::process::Command;

use clap::Args;

use crate::console::say;
use crate::debian;
use crate::failure::Result;
use crate::javascript::Packages;
use crate::python::Environment;
use crate::step::Steps;
use crate::workspace::Workspace;

/// Install what the tests need, then run all of them.
///
/// The Rust tests, then real clients against the real gateway, on the simulator and on a real model. A fresh machine needs Rust and Python 3 only; the rest is installed into the build folder and `clients/javascript`.
#[derive(Args)]
pub(crate) struct Options {
    /// Only `cargo test`
    #[arg(long, conflicts_with = "clients_only")]
    rust_only: bool,
    /// Only the tests of real clients, in Python and JavaScript
    #[arg(long)]
    clients_only: bool,
    /// Run the tests whose name contains this
    filter: Option<String>,
}

/// Ends at the first step that fails.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    if !options.rust_only {
        // First, so that a missing Python shows before minutes of building.
        steps.work("curl", || debian::require("curl", &["--version"], "curl", "curl"))?;
        steps.work("python packages", || Environment::clients(workspace).ready())?;
        steps.work("javascript packages", || Packages::clients(workspace).ready())?;
        steps.work("real model", || Environment::real_llm(workspace).ready())?;
    }
    if !options.clients_only {
        steps.command("rust tests", &mut rust_tests(workspace, options))?;
    }
    if !options.rust_only {
        steps.command("build", workspace.cargo().args(["build", "-p", "tollgate", "-p", "hf-sim"]))?;
        steps.command("client tests", &mut client_tests(workspace, options)?)?;
    }
    steps.summary();
    say(format_args!("\nall tests passed"));
    Ok(())
}

fn rust_tests(workspace: &Workspace, options: &Options) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--workspace"]);
    cargo.args(&options.filter);
    cargo
}

/// The suite finds the programs under test by these variables; see `clients/python/conftest.py`.
fn client_tests(workspace: &Workspace, options: &Options) -> Result<Command> {
    let mut pytest = Command::new(Environment::clients(workspace).ready()?);
    pytest.current_dir(workspace.root.join("clients/python"));
    pytest.args(["-m", "pytest"]);
    if let Some(filter) = &options.filter {
        pytest.args(["-k", filter]);
    }
    pytest.env("TOLLGATE_BIN", workspace.binary("debug", "tollgate"));
    pytest.env("HF_SIM_BIN", workspace.binary("debug", "hf-sim"));
    pytest.env("REAL_LLM_PYTHON", Environment::real_llm(workspace).ready()?);
    pytest.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(pytest)
}
