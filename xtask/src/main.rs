//! The one entry point for developers and CI. `cargo xtask --help` lists the tasks.

mod bench;
mod check;
mod console;
mod debian;
mod failure;
mod javascript;
mod python;
mod real_llm;
mod step;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Result;
use crate::workspace::Workspace;

/// Tasks for developing Tollgate. Each one works from any folder of the repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Test(test::Options),
    Check(check::Options),
    Bench(bench::Options),
    RealLlm(real_llm::Options),
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console::say(format_args!("\nxtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::locate()?;
    match &options.task {
        Task::Test(options) => test::run(&workspace, options),
        Task::Check(options) => check::run(&workspace, options),
        Task::Bench(options) => bench::run(&workspace, options),
        Task::RealLlm(options) => real_llm::run(&workspace, options),
    }
}
