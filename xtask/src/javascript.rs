//! The JavaScript packages of the client tests: installed once from their lock file, again when it changes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::console::say;
use crate::failure::{Result, While};
use crate::python::Environment;
use crate::step::run;
use crate::workspace::Workspace;

/// The folder of the JavaScript clients; Node finds packages only in or above the folder of a script.
pub(crate) struct Packages<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
}

impl<'a> Packages<'a> {
    /// The SDK and the agents of `clients/javascript`.
    pub(crate) fn clients(workspace: &'a Workspace) -> Self {
        Self { workspace, folder: workspace.root.join("clients/javascript") }
    }

    /// Installs exactly what the lock file says, unless that is there already.
    pub(crate) fn ready(&self) -> Result<()> {
        let lock = self.folder.join("package-lock.json");
        let wanted = fs::read_to_string(&lock).during(format_args!("reading {}", lock.display()))?;
        let stamp = self.folder.join("node_modules").join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        say(format_args!("installing {}", lock.display()));
        // Node and npm are themselves pinned packages of the Python environment, so no machine has to have them.
        let npm = Environment::clients(self.workspace).program("npm")?;
        run(Command::new(npm).args(["ci", "--no-progress"]).current_dir(&self.folder))?;
        fs::write(&stamp, wanted).during(format_args!("writing {}", stamp.display()))
    }
}
