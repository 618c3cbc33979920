//! Installs a missing program from Debian when we may, and says how to do it when we may not.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::console::say;
use crate::failure::{Failure, Result};
use crate::step::run;

/// Makes sure that `program` runs; else installs `package`, which brings `what`.
pub(crate) fn require(program: &str, arguments: &[&str], package: &str, what: &str) -> Result<()> {
    if answers(program, arguments) { Ok(()) } else { install(package, what) }
}

/// Only for root on a system with apt.
fn install(package: &str, what: &str) -> Result<()> {
    if !(is_root() && Path::new("/usr/bin/apt-get").exists()) {
        return Err(Failure::new(format!(
            "{what} is missing. Install it (on Debian and Ubuntu: `sudo apt-get install {package}`) and run this again"
        )));
    }
    say(format_args!("{what} is missing: installing Debian's {package}"));
    run(apt_get().args(["-qq", "update"]))?;
    run(apt_get().args(["-qq", "install", "--yes", "--no-install-recommends", package]))
}

/// Whether `program` runs at all.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    let outcome = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    outcome.is_ok_and(|status| status.success())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
