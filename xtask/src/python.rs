//! Python environments for the tests: one folder each, made once, remade when the pins change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::console::say;
use crate::debian;
use crate::failure::{Failure, Result, While};
use crate::step::run;
use crate::workspace::Workspace;

/// A virtual environment and the file of exact versions that fills it.
pub(crate) struct Environment {
    folder: PathBuf,
    requirements: PathBuf,
    dependencies: Dependencies,
}

/// Whether pip may add what the listed packages ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependencies {
    Resolved,
    Ignored,
}

impl Environment {
    /// The SDKs and the test runner of `clients/python`, and Node for `clients/javascript`.
    pub(crate) fn clients(workspace: &Workspace) -> Self {
        Self {
            folder: workspace.target.join("python").join("clients"),
            requirements: workspace.root.join("clients/python/requirements.txt"),
            dependencies: Dependencies::Resolved,
        }
    }

    /// llama.cpp's server and a small model.
    pub(crate) fn real_llm(workspace: &Workspace) -> Self {
        Self {
            folder: workspace.target.join("python").join("real-llm"),
            requirements: workspace.root.join("xtask/real-llm/requirements.txt"),
            dependencies: Dependencies::Ignored,
        }
    }

    /// The interpreter of this environment, installed on first use.
    pub(crate) fn ready(&self) -> Result<PathBuf> {
        let interpreter = self.folder.join("bin").join("python");
        let wanted = fs::read_to_string(&self.requirements)
            .during(format_args!("reading {}", self.requirements.display()))?;
        let stamp = self.folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(interpreter);
        }
        say(format_args!("installing {} into {}", self.requirements.display(), self.folder.display()));
        require_python()?;
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&self.folder))?;
        run(&mut self.pip_install(&interpreter))?;
        fs::write(&stamp, wanted).during(format_args!("writing {}", stamp.display()))?;
        Ok(interpreter)
    }

    /// A program that one of the packages brings, installed on first use.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        Ok(self.ready()?.with_file_name(name))
    }

    fn pip_install(&self, interpreter: &Path) -> Command {
        let mut pip = Command::new(interpreter);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--retries", "5", "--only-binary", ":all:"]);
        if self.dependencies == Dependencies::Ignored {
            pip.arg("--no-deps");
        }
        pip.arg("--requirement").arg(&self.requirements);
        pip
    }
}

/// Python itself is asked of the developer; its `venv` half, which Debian packs apart, is installed.
fn require_python() -> Result<()> {
    if !debian::answers("python3", &["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]) {
        return Err(Failure::new("python3 (3.10 or newer) is missing: install it and run this again"));
    }
    debian::require("python3", &["-c", "import ensurepip, venv"], "python3-venv", "Python's venv module")
}
