//! Upstreams behind TLS with a private authority: a server that cannot be trusted gets nothing, not even the credential.

use std::fs;
use std::process::Command;

use hf_sim::{HfSim, SimConfig};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::authority::{Authority, Identity, expired, not_yet_valid, self_signed};
use crate::client::Reply;
use crate::harness::{Gateway, Setup, ask_model};
use crate::raw::{ANSWER, Always, CREDENTIAL, Raw, reply};
use crate::tls_front::{Behind, H1, H2, TlsFront, provider};

/// A server without TLS that gives everybody the same whole answer.
async fn answering() -> (Behind, Always) {
    let raw = Raw::start().await;
    let behind = Behind::server(raw.url());
    (behind, raw.always(reply("200 OK", "application/json", ANSWER)))
}

/// The call was refused, for nothing, and no word of it tells what only the operator may know.
async fn assert_unreachable(gateway: &Gateway, name: &str, reply: &Reply) {
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (502, "upstream_unreachable"),
        "{name}: {reply:?}"
    );
    assert_eq!(reply.json()["error"]["message"], "The provider could not be reached.", "{name}");
    assert!(!format!("{reply:?}").contains(CREDENTIAL), "{name}: {reply:?}");
    let receipt = gateway.receipt(&reply.call_id()).await;
    assert_eq!(
        (&receipt["outcome"], &receipt["total_cost"]),
        (&json!("upstream_error"), &json!(0.0)),
        "{name}"
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_gets_no_request() {
    let (trusted, other) = (Authority::new(), Authority::new());
    let cases: [(&str, Identity, String); 6] = [
        ("nobody-vouches", trusted.certify(), String::new()),
        ("another-authority", other.certify(), trusted.toml()),
        ("expired", trusted.certify_as("127.0.0.1", expired), trusted.toml()),
        ("not-yet-valid", trusted.certify_as("127.0.0.1", not_yet_valid), trusted.toml()),
        ("another-address", trusted.certify_as("127.0.0.2", |_| {}), trusted.toml()),
        ("another-name", trusted.certify_as("localhost", |_| {}), trusted.toml()),
    ];
    let (behind, answers) = answering().await;
    let good = TlsFront::start(trusted.certify().acceptor(&[H2, H1]), behind.clone()).await;
    let mut toml = provider("good", good.url(), &trusted.toml());
    let (mut names, mut fronts) = (Vec::new(), Vec::new());
    for (name, identity, ca_file) in cases {
        let front = TlsFront::start(identity.acceptor(&[H2, H1]), behind.clone()).await;
        toml += &provider(name, front.url(), &ca_file);
        names.push(name);
        fronts.push(front);
    }
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    for name in names {
        let told = gateway.client.chat(&ask_model(name, "Hello")).await;
        assert_unreachable(&gateway, name, &told).await;
    }
    assert_eq!(answers.requests(), 0, "neither a prompt nor a credential left the gateway");
    let balance = gateway.settled().await;
    assert_eq!(balance.available, balance.granted, "nobody pays for it");
    // What the cases change is all that is wrong with them.
    let told = gateway.client.chat(&ask_model("good", "Hello")).await;
    assert_eq!((told.status.as_u16(), told.header("x-tollgate-cost")), (200, "0.00002"), "{told:?}");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn what_one_provider_trusts_opens_no_connection_for_another() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (behind, answers) = answering().await;
    let front = TlsFront::start(ours.certify().acceptor(&[H2, H1]), behind).await;
    let toml = provider("trusting", front.url(), &ours.toml())
        + &provider("plain", front.url(), "")
        + &provider("other", front.url(), &theirs.toml())
        + "[server]\nworkers = 1\n";
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    // The connection of the first call stays open, to the same address.
    for _ in 0..2 {
        let told = gateway.client.chat(&ask_model("trusting", "Hello")).await;
        assert_eq!(told.status, 200, "{told:?}");
        for name in ["plain", "other"] {
            let told = gateway.client.chat(&ask_model(name, "Hello")).await;
            assert_unreachable(&gateway, name, &told).await;
        }
    }
    assert_eq!((answers.requests(), front.seen().connections), (2, 1));
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn a_server_that_vouches_for_itself_is_trusted_by_its_own_certificate() {
    let (identity, pem) = self_signed();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.pem");
    fs::write(&file, pem).expect("a file");
    let (behind, _answers) = answering().await;
    let front = TlsFront::start(identity.acceptor(&[H2]), behind).await;
    let toml = provider("itself", front.url(), &format!("ca_file = '{}'", file.display()));
    let gateway = Gateway::start_with(Setup { toml, ..Setup::default() }).await;
    let told = gateway.client.chat(&ask_model("itself", "Hello")).await;
    assert_eq!(told.status, 200, "{told:?}");
    gateway.settled().await;
    assert!(gateway.finish().await);
}

#[tokio::test]
async fn the_check_trusts_as_the_gateway_does() {
    let (trusted, other) = (Authority::new(), Authority::new());
    let sim = HfSim::start(SimConfig::default()).expect("the simulator");
    let front = TlsFront::start(trusted.certify().acceptor(&[H2, H1]), Behind::server(&sim.base_url())).await;
    let gone = "ca_file = 'gone.pem'".to_owned();
    for (ca_file, ok, words) in [
        (trusted.toml(), true, "answers, and lists"),
        (other.toml(), false, "does not speak TLS that can be trusted"),
        (String::new(), false, "does not speak TLS that can be trusted"),
        (gone, false, "[providers.p] ca_file: cannot read"),
    ] {
        let toml = format!(
            "[providers.huggingface]\nenabled = false\n[providers.p]\nbase_url = \"{}\"\n{ca_file}",
            front.url()
        );
        let (succeeded, said) = spawn_blocking(move || check(&toml)).await.expect("the check ended");
        assert!(succeeded == ok && said.contains(words), "{words}: {said}");
    }
}

/// Whether `tollgate check` finds this configuration in order, and what it says.
fn check(toml: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("test.toml");
    fs::write(&file, toml).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    let output =
        command.args(["check", "--config"]).arg(file).env_clear().current_dir(folder.path()).output();
    let output = output.expect("the program");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).expect("text"))
}
