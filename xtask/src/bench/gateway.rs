//! The gateway under measurement: the distribution build with everything on, and an account that can pay.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::load::{Connection, Endpoint};
use super::plan::Plan;
use super::server::{Server, address_of};
use super::simulator::TOKEN;
use crate::failure::{Failure, Result, While};
use crate::workspace::Workspace;

const ADMIN_KEY: &str = "bench-admin-key-of-this-run-only";

/// More than any run can spend.
const GRANT_USD: &str = "1000000.00";

/// A data folder with an account, and the program that serves it.
pub(super) struct Gateway {
    program: PathBuf,
    folder: PathBuf,
    upstream: SocketAddr,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
    admin_url: String,
}

impl Gateway {
    pub(super) fn new(workspace: &Workspace, folder: &Path, upstream: SocketAddr) -> Result<Self> {
        fs::create_dir_all(folder).during(folder.display())?;
        let program = workspace.binary("dist", "tollgate");
        Ok(Self { program, folder: folder.to_path_buf(), upstream })
    }

    /// Starts it on free ports and gives it an account; the endpoint carries the account's new key.
    pub(super) async fn start(&self) -> Result<(Server, Endpoint)> {
        let mut command = self.serve()?;
        let (server, ready): (_, Ready) = Server::announced("gateway", &self.folder, &mut command)?;
        let admin = address_of(&ready.admin_url)?;
        let account = post(admin, "/admin/accounts", &json!({"name": "bench"})).await?;
        let account = format!("/admin/accounts/{}", text(&account, "id")?);
        let grant = json!({"amount": GRANT_USD, "reference": "bench"});
        post(admin, &format!("{account}/grants"), &grant).await?;
        let key = post(admin, &format!("{account}/keys"), &json!({"name": "bench"})).await?;
        let key = text(&key, "secret")?.to_owned();
        Ok((server, Endpoint { name: "gateway", address: address_of(&ready.url)?, key }))
    }

    /// The time from the start of the process to the last byte of its first answer, on a folder that has been used.
    pub(super) async fn time_to_first_answer(&self, key: &str, plan: &Plan) -> Result<Duration> {
        let mut command = self.serve()?;
        let start = Instant::now();
        let (_server, ready): (_, Ready) = Server::announced("gateway", &self.folder, &mut command)?;
        let endpoint = Endpoint { name: "gateway", address: address_of(&ready.url)?, key: key.to_owned() };
        Connection::open(&endpoint).await?.call(&plan.call_body()).await?;
        Ok(start.elapsed())
    }

    /// Its own working folder, so that no `.env` of the developer is read.
    fn serve(&self) -> Result<Command> {
        let file = self.folder.join("tollgate.toml");
        let text = format!(
            "[providers.huggingface]\nbase_url = \"http://{}/v1\"\napi_key = \"env:HUG_API_KEY\"\n",
            self.upstream
        );
        fs::write(&file, text).during(file.display())?;
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).args(["serve", "--json", "--config"]).arg(&file);
        command
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir"])
            .arg(&self.folder);
        command.env("HUG_API_KEY", TOKEN).env_remove("HF_TOKEN").env("TOLLGATE_ADMIN_KEY", ADMIN_KEY);
        Ok(command)
    }

    pub(super) fn program_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.program).during(self.program.display())?.len())
    }
}

/// One call of the admin API.
async fn post(address: SocketAddr, path: &str, body: &Value) -> Result<Value> {
    let stream = TcpStream::connect(address).await.during(path)?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.during(path)?;
    tokio::spawn(driver);
    let request = Request::post(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, format!("Bearer {ADMIN_KEY}"))
        .body(Full::new(Bytes::from(body.to_string())))
        .during(path)?;
    let reply = sender.send_request(request).await.during(path)?;
    let status = reply.status();
    let answer = reply.into_body().collect().await.during(path)?.to_bytes();
    if !status.is_success() {
        return Err(Failure::new(format!("{path} answered {status}: {}", String::from_utf8_lossy(&answer))));
    }
    serde_json::from_slice(&answer).during(path)
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field].as_str().ok_or_else(|| Failure::new(format!("the admin API sent no `{field}`: {value}")))
}
