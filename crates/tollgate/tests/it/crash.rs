//! `kill -9` under load: whatever a client saw finished is in the ledger, nothing is charged twice, nothing is held.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::Money;
use hf_sim::{HfSim, SimConfig};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tollgate::ledger::{AuditReport, audit};

use crate::books::Books;
use crate::client::{Client, Reply, Stream};
use crate::dice::Dice;
use crate::harness::{PATIENCE, ask};
use crate::process::Process;
use crate::rates::cost_in;

/// Times that the gateway is killed.
const ROUNDS: u64 = 10;

/// Clients that call at once, each again and again.
const CLIENTS: u64 = 50;

/// An answer that a client saw to its end.
struct Finished {
    call: String,
    cost: Money,
}

/// The answers that were seen to their end, and a bell that rings at each.
#[derive(Default)]
struct Seen {
    finished: Mutex<Vec<Finished>>,
    bell: Notify,
}

impl Seen {
    fn add(&self, finished: Finished) {
        self.finished.lock().expect("no panic").push(finished);
        self.bell.notify_waiters();
    }

    /// Waits until there are `count`.
    async fn reach(&self, count: usize) {
        loop {
            let bell = self.bell.notified();
            if self.finished.lock().expect("no panic").len() >= count {
                return;
            }
            bell.await;
        }
    }
}

/// What outlives the gateway.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) sim: HfSim,
    pub(crate) account: String,
    pub(crate) key: String,
    pub(crate) admin_key: String,
}

impl World {
    /// A first start, an account with credit, and a clean end.
    pub(crate) async fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let sim = HfSim::start(SimConfig::default()).expect("the simulator");
        let mut process = Process::start(folder.path(), &sim, "").await;
        let admin_key = process.text("admin_key").expect("made at the first start");
        let admin = process.admin(&admin_key);
        let account = admin.post("/admin/accounts", json!({"name": "team"}).to_string()).await.json();
        let account = account["id"].as_str().expect("an id").to_owned();
        let books = Books { admin: &admin, account: &account };
        books.grant("50.00".parse().expect("an amount"), "first").await;
        let key = books.new_key("load").await;
        process.signal("TERM");
        assert!(process.exit().await.success());
        World { folder, sim, account, key, admin_key }
    }

    pub(crate) async fn start(&self) -> Process {
        self.start_with("").await
    }

    pub(crate) async fn start_with(&self, toml: &str) -> Process {
        Process::start(self.folder.path(), &self.sim, toml).await
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("tollgate.db")
    }

    pub(crate) fn audit(&self) -> AuditReport {
        let report = audit(&self.database()).expect("a database");
        assert!(report.ok, "{:?}", report.violations);
        report
    }

    /// Waits for a condition.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !condition().await {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn whatever_a_client_saw_finished_survives_a_kill() {
    let world = World::new().await;
    let seen = Arc::new(Seen::default());
    let mut dice = Dice::new(2024);
    for round in 0..ROUNDS {
        let process = world.start().await;
        check(&world, &process, &seen).await;
        let client = Client::new(&process.url(), &world.key);
        let mut load = JoinSet::new();
        for at in 0..CLIENTS {
            load.spawn(call_until_it_dies(client.clone(), Arc::clone(&seen), round * CLIENTS + at));
        }
        let so_far = seen.finished.lock().expect("no panic").len();
        let more = 1 + dice.below(120);
        seen.reach(so_far + usize::try_from(more).expect("a count")).await;
        process.kill();
        load.join_all().await;
        world.audit();
    }
    let mut process = world.start().await;
    check(&world, &process, &seen).await;
    process.signal("TERM");
    assert!(process.exit().await.success());
    let report = world.audit();
    println!("after {ROUNDS} kills: {}", serde_json::to_string(&report).expect("JSON"));
}

/// Calls, streamed and not, until the gateway is gone.
async fn call_until_it_dies(client: Client, seen: Arc<Seen>, seed: u64) {
    let mut dice = Dice::new(seed);
    for at in 0.. {
        let streamed = dice.below(3) > 0;
        let gap_ms = dice.below(6);
        let mut body =
            ask(&format!("Question {seed} {at} [[sim gap_ms={gap_ms} first_token_ms={}]]", dice.below(20)));
        body["stream"] = json!(streamed);
        if streamed {
            body["stream_options"] = json!({"include_usage": true});
        }
        let Some(response) = client.try_send_chat(&body).await else { return };
        let finished = if streamed {
            finished_stream(Stream::of(response)).await
        } else {
            finished_whole(response).await
        };
        match finished {
            Some(finished) => seen.add(finished),
            None => return,
        }
    }
}

/// `None` when the end mark never came.
async fn finished_stream(mut stream: Stream) -> Option<Finished> {
    assert_eq!(stream.status, 200);
    let call = stream.call_id();
    let mut done = false;
    while let Some(event) = stream.next().await {
        done |= &event.data[..] == b"[DONE]";
    }
    let cost = || cost_in(&String::from_utf8_lossy(&stream.raw)).expect("a cost");
    done.then(|| Finished { call, cost: cost() })
}

/// `None` when the body broke off.
async fn finished_whole(response: hyper::Response<hyper::body::Incoming>) -> Option<Finished> {
    let reply = Reply::try_read(response).await?;
    assert_eq!(reply.status, 200, "{reply:?}");
    Some(Finished {
        call: reply.call_id(),
        cost: reply.header("x-tollgate-cost").parse().expect("an amount"),
    })
}

/// All that must hold after a restart.
async fn check(world: &World, process: &Process, seen: &Seen) {
    world.audit();
    let admin = process.admin(&world.admin_key);
    let books = Books { admin: &admin, account: &world.account };
    let receipts = books.check().await;
    for finished in &*seen.finished.lock().expect("no panic") {
        let receipt = receipts.iter().find(|one| one.call == finished.call);
        let receipt = receipt.unwrap_or_else(|| panic!("{} was seen finished and is lost", finished.call));
        assert_eq!((receipt.outcome.as_str(), receipt.charge), ("complete", finished.cost), "{receipt:?}");
    }
}

#[tokio::test]
async fn a_database_has_one_owner() {
    let world = World::new().await;
    let mut first = world.start().await;
    let second = Process::refused(world.folder.path(), &world.sim);
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("tollgate.db is in use by another process"), "{said}");
    assert!(second.stdout.is_empty(), "it never became ready");
    // The first one is none the worse for it.
    let client = Client::new(&first.url(), &world.key);
    assert_eq!(client.chat(&ask("Hello")).await.status, 200);
    first.signal("TERM");
    assert!(first.exit().await.success());
    world.audit();
}

#[tokio::test]
async fn secrets_are_shown_once_and_work_ever_after() {
    let world = World::new().await;
    for _ in 0..2 {
        let process = world.start().await;
        assert_eq!((process.text("admin_key"), process.text("key")), (None, None), "{}", process.ready);
        let client = Client::new(&process.url(), &world.key);
        assert_eq!(client.chat(&ask("Hello")).await.status, 200);
        let accounts = process.admin(&world.admin_key).get("/admin/accounts").await;
        assert_eq!(accounts.status, 200, "the admin key of the first start");
        process.kill();
    }
    world.audit();
}
