//! Where things are: the repository, and the folder for what builds leave behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::failure::{Failure, Result, While};

/// The repository and its build folder, both absolute.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks cargo, so that `CARGO_TARGET_DIR` and cargo's own configuration are honoured.
    pub(crate) fn locate() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(manifest)
            .stderr(Stdio::inherit())
            .output()
            .during("starting `cargo metadata`")?;
        if !output.status.success() {
            return Err(Failure::new("`cargo metadata` failed; its message is above"));
        }
        let found: Metadata = serde_json::from_slice(&output.stdout).during("reading `cargo metadata`")?;
        Ok(Self { root: found.workspace_root, target: found.target_directory })
    }

    /// A `cargo` that works in this repository, wherever the task was started.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.root);
        cargo
    }

    /// A program that a build left in the folder of `profile`.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }
}
