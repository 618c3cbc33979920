//! The files of the Hub: a tokenizer, a redirect to it, and repositories that have none.

use crate::client::{get, sim};

#[tokio::test]
async fn the_hub_serves_tokenizers_of_its_models() {
    let sim = sim();
    for (path, status, leads_to) in [
        ("/openai/gpt-oss-20b/resolve/main/tokenizer.json", 200, None),
        ("/openai/gpt-oss-20b/resolve/main/tokenizer_config.json", 200, None),
        ("/openai/gpt-oss-20b/resolve/main/chat_template.jinja", 404, None),
        ("/openai/gpt-oss-20b/resolve/v2/tokenizer.json", 404, None),
        ("/CohereLabs/command-a-reasoning-08-2025/resolve/main/tokenizer.json", 404, None),
        ("/acme/no-such-model/resolve/main/tokenizer.json", 401, None),
        (
            "/meta-llama/Llama-3.3-70B-Instruct/resolve/main/tokenizer.json",
            307,
            Some("/meta-llama/Llama-3.3-70B-Instruct/resolve-elsewhere/main/tokenizer.json"),
        ),
        ("/meta-llama/Llama-3.3-70B-Instruct/resolve-elsewhere/main/tokenizer.json", 200, None),
    ] {
        let reply = get(&sim, path).await;
        assert_eq!((reply.status, reply.header("location")), (status, leads_to), "{path}");
        if status == 200 {
            assert!(reply.json().is_object(), "{path}");
        }
    }
}
