//! `cargo xtask check`: everything that can be judged without running the product.

use clap::Args;

use crate::failure::Result;
use crate::step::Steps;
use crate::tidy;
use crate::workspace::Workspace;

/// Formatting, lints, documentation, and the repository's own rules.
#[derive(Args)]
pub(crate) struct Options {
    /// Only the repository's own rules: instant, and needs no build
    #[arg(long)]
    tidy_only: bool,
}

/// The quick judgements come first.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    steps.work("tidy", || tidy::check(&workspace.root))?;
    if !options.tidy_only {
        steps.command("fmt", workspace.cargo().args(["fmt", "--all", "--check"]))?;
        steps.command(
            "lock file",
            workspace
                .cargo()
                .args(["metadata", "--locked", "--format-version", "1"])
                .stdout(std::process::Stdio::null()),
        )?;
        steps.command(
            "clippy",
            workspace.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        )?;
        steps.command(
            "doc",
            workspace.cargo().args(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"),
        )?;
    }
    steps.summary();
    Ok(())
}
