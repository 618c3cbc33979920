//! The controls over HTTP, and the program.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::{ask, call, chat, get, sim};

const MODEL: &str = "openai/gpt-oss-20b";

#[tokio::test]
async fn scripts_can_be_set_and_cleared() {
    let sim = sim();
    let script = json!({ "provider": "groq", "times": 2, "status": 503, "body": "html" }).to_string();
    assert_eq!(call(&sim, "POST", "/_sim/scripts", &[], &script).await.status, 200);
    assert_eq!(chat(&sim, &ask(&format!("{MODEL}:together"), "Hi")).await.status, 200);
    assert_eq!(chat(&sim, &ask(MODEL, "Hi")).await.header("content-type"), Some("text/html"));
    assert_eq!(call(&sim, "DELETE", "/_sim/scripts", &[], "").await.status, 200);
    assert_eq!(chat(&sim, &ask(MODEL, "Hi")).await.status, 200);
    for (wrong, names) in [(r#"{"statu":1}"#, "statu"), ("[]", "expected"), (r#"{"status":7}"#, "7")] {
        let reply = call(&sim, "POST", "/_sim/scripts", &[], wrong).await;
        assert!(reply.status == 400 && reply.text().contains(names), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_held_request_is_answered_when_it_is_released() {
    let sim = sim();
    let body = ask(MODEL, "Hi [[sim held=first]]");
    let held = chat(&sim, &body);
    let other = async {
        while sim.open_requests() == 0 {
            tokio::task::yield_now().await;
        }
        let release = |name: &'static str| call(&sim, "POST", "/_sim/release", &[], name);
        assert_eq!(release(r#"{"name":"second"}"#).await.status, 200);
        assert_eq!(release("{}").await.status, 400);
        assert_eq!(chat(&sim, &ask(MODEL, "Hi [[sim held=second]]")).await.status, 200);
        assert_eq!(sim.open_requests(), 1, "the first one is held still");
        sim.release("first");
    };
    assert_eq!(tokio::join!(held, other).0.status, 200);
    // From now on it holds nothing, until all is forgotten.
    assert_eq!(chat(&sim, &body).await.status, 200);
    sim.clear_scripts();
    let again = tokio::time::timeout(std::time::Duration::from_millis(50), chat(&sim, &body));
    assert!(again.await.is_err(), "it is held again");
}

#[tokio::test]
async fn statuses_can_be_flipped_and_requests_read() {
    let sim = sim();
    let flip = json!({ "model": MODEL, "provider": "groq", "status": "error" }).to_string();
    assert_eq!(call(&sim, "POST", "/_sim/status", &[], &flip).await.status, 200);
    assert_eq!(chat(&sim, &ask(MODEL, "Hi")).await.header("x-inference-provider"), Some("together"));
    let unknown = flip.replace("groq", "grok");
    assert_eq!(call(&sim, "POST", "/_sim/status", &[], &unknown).await.status, 400);
    let seen = get(&sim, "/_sim/requests").await.json();
    assert_eq!((&seen["open"], seen["requests"].as_array().unwrap().len()), (&json!(0), 1));
    let request = &seen["requests"][0];
    assert_eq!((&request["provider"], &request["completed"]), (&json!("together"), &json!(true)));
    assert_eq!(serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap()["model"], MODEL);
    assert_eq!(seen["usage"], request["usage"]);
}

#[test]
fn the_program_announces_itself_and_ends_well_on_an_interrupt() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_hf-sim"))
        .args(["--listen", "127.0.0.1:0", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let listen = ready["listen"].as_str().unwrap();
    assert_eq!(ready["url"], format!("http://{listen}/v1"));
    assert!(std::net::TcpStream::connect(listen).is_ok());
    let interrupt = Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert!(program.wait().unwrap().success());
}

#[test]
fn the_program_says_why_it_cannot_run() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hf-sim")).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (good, said) = run(&["--catalogue", "no/such/file.json"]);
    assert!(!good && said.starts_with("hf-sim: cannot read the catalogue no/such/file.json"), "{said}");
}
