//! What the simulator says of the requests that the gateway sent to it.

use serde_json::Value;

use crate::harness::Gateway;

impl Gateway {
    /// The bodies of the chat requests that reached the upstream.
    pub(crate) fn chats(&self) -> Vec<Value> {
        let requests = self.sim.requests();
        let chats = requests.iter().filter(|request| request.path == "/v1/chat/completions");
        chats.map(|request| serde_json::from_slice(&request.body).expect("JSON")).collect()
    }

    /// Waits until no request is open at the upstream: its connection has ended, one way or the other.
    pub(crate) async fn upstream_ended(&self) {
        self.until("the upstream has ended", async |gateway| gateway.sim.open_requests() == 0).await;
    }

    /// The tokens of prompt and answer that the upstream billed for its last request.
    pub(crate) async fn billed(&self) -> (u64, u64) {
        self.upstream_ended().await;
        let usage = self.sim.requests().last().expect("a request").usage;
        (usage.prompt_tokens, usage.completion_tokens)
    }
}
