//! The upstream of every contestant: the simulator in a process of its own, answering at once.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::server::{Server, address_of};
use crate::failure::Result;
use crate::workspace::Workspace;

/// A token that the simulator takes for one with the right permission.
pub(super) const TOKEN: &str = "hf_sim_bench";

pub(super) struct Simulator {
    _server: Server,
    pub(super) address: SocketAddr,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
}

impl Simulator {
    pub(super) fn start(workspace: &Workspace, folder: &Path) -> Result<Self> {
        let mut command = Command::new(workspace.binary("dist", "hf-sim"));
        command.args(["--listen", "127.0.0.1:0", "--json", "--workers", "1", "--no-record"]);
        let (server, ready): (_, Ready) = Server::announced("hf-sim", folder, &mut command)?;
        Ok(Self { _server: server, address: address_of(&ready.url)? })
    }
}
