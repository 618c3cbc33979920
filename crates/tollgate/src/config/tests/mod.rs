//! What the configuration accepts, refuses and says.

mod ca_file;
mod example;
mod plans;
mod telemetry;
mod tokenizers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::{Price, Pricing};
use wire::responses::HostedTools;

use super::{
    AbortPolicy, ApiKey, BaseUrl, CatalogueKind, Config, Env, LogFormat, LogLevel, Overrides, Sources,
};

fn resolve(toml: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let file = Some((PathBuf::from("t.toml"), toml.to_owned()));
    let sources = Sources { file, env: Env::of(env), overrides: Overrides::default() };
    Config::resolve(sources).map_err(|error| error.to_string())
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = Config::resolve(Sources::default()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8001");
    assert_eq!(config.server.body_bytes_max, 20 * 1024 * 1024);
    assert_eq!(config.server.drain, Duration::from_secs(30));
    assert_eq!(config.server.keep_alive, Duration::from_secs(10));
    assert_eq!(config.server.idle, Duration::from_secs(75));
    assert_eq!(config.server.hosted_tools, HostedTools::DropUsual);
    assert_eq!(config.store.path, Path::new("tollgate.db"));
    assert!(config.server.workers >= 1 && config.admin.key.is_none());

    let [hugging_face] = &config.providers[..] else { panic!("one provider is built in") };
    assert_eq!(&*hugging_face.id, "huggingface");
    assert_eq!(hugging_face.aliases, ["hug", "hf"]);
    assert_eq!(hugging_face.base_url.as_str(), "https://router.huggingface.co/v1");
    assert_eq!(hugging_face.catalogue, CatalogueKind::HuggingFace);
    assert_eq!(hugging_face.timeouts.first_byte, Duration::from_secs(120));
    assert!(hugging_face.api_key.is_none());
    assert_eq!(
        config.warnings,
        ["[providers.huggingface] has no credential: HUG_API_KEY or HF_TOKEN is not set"]
    );
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let toml = "[server]\nlisten = \"127.0.0.1:1\"\n[admin]\nlisten = \"127.0.0.1:2\"";
    let env = [
        ("TOLLGATE_LISTEN", "127.0.0.1:3"),
        ("TOLLGATE_ADMIN_LISTEN", "localhost:4"),
        ("TOLLGATE_DATA_DIR", "/a"),
    ];
    let from_file = resolve(toml, &[]).unwrap();
    assert_eq!((from_file.server.listen.port(), from_file.admin.listen.port()), (1, 2));
    let from_env = resolve(toml, &env).unwrap();
    assert_eq!((from_env.server.listen.port(), from_env.admin.listen.port()), (3, 4));
    assert_eq!(from_env.store.path, Path::new("/a/tollgate.db"));

    let overrides = Overrides {
        listen: Some("127.0.0.1:5".parse().unwrap()),
        admin_listen: None,
        data_dir: Some(PathBuf::from("/b")),
    };
    let file = Some((PathBuf::from("t.toml"), toml.to_owned()));
    let all = Config::resolve(Sources { file, env: Env::of(&env), overrides }).unwrap();
    assert_eq!((all.server.listen.port(), all.admin.listen.port()), (5, 4));
    assert_eq!(all.store.path, Path::new("/b/tollgate.db"));
}

#[test]
fn a_section_overrides_the_built_in_row_key_by_key() {
    let toml = r#"
        [providers.huggingface]
        bill_to = "my-org"
        timeouts = { total_ms = 1000 }
        headers = { X-Team = "blue" }
        abort = "void"
    "#;
    let config = resolve(toml, &[("HF_TOKEN", "hf_token")]).unwrap();
    let row = &config.providers[0];
    assert_eq!(row.bill_to.as_ref().unwrap(), "my-org");
    assert_eq!(row.timeouts.total, Duration::from_secs(1));
    assert_eq!(row.timeouts.first_byte, Duration::from_secs(120));
    assert_eq!(row.headers[0].0, "x-team");
    assert_eq!(row.abort, AbortPolicy::Void);
    assert_eq!(row.aliases, ["hug", "hf"]);
    assert_eq!(row.api_key.as_ref().map(ApiKey::expose), Some("hf_token"));
    assert!(config.warnings.is_empty());
}

#[test]
fn the_token_is_the_first_variable_that_is_set() {
    for (env, expected) in [
        (vec![("HUG_API_KEY", "one"), ("HF_TOKEN", "two")], Some("one")),
        (vec![("HUG_API_KEY", "  "), ("HF_TOKEN", " two ")], Some("two")),
        (vec![("HF_TOKEN", "")], None),
    ] {
        let config = resolve("", &env).unwrap();
        assert_eq!(config.providers[0].api_key.as_ref().map(ApiKey::expose), expected, "{env:?}");
    }
}

#[test]
fn the_router_can_be_redirected_by_a_variable() {
    let url = "http://127.0.0.1:9/v1/";
    let toml = "[providers.huggingface]\nbase_url = \"https://example.org/v1\"";
    assert_eq!(resolve(toml, &[]).unwrap().providers[0].base_url.as_str(), "https://example.org/v1");
    let redirected = resolve(toml, &[("TOLLGATE_HF_BASE_URL", url)]).unwrap();
    assert_eq!(redirected.providers[0].base_url.as_str(), "http://127.0.0.1:9/v1");
    let refused = resolve("", &[("TOLLGATE_HF_BASE_URL", "router")]).unwrap_err();
    assert!(refused.starts_with("environment variable TOLLGATE_HF_BASE_URL: "), "{refused}");
}

#[test]
fn any_other_server_is_one_more_row() {
    let toml = r#"
        [providers.local]
        base_url = "http://127.0.0.1:8081/v1"
        [providers.off]
        base_url = "http://127.0.0.1:8082/v1"
        api_key = "env:OFF"
        enabled = false
        [models."smollm2-135m"]
        provider = "local"
        upstream_model = "there"
        context_length = 8192
        price = { input = "0.10", output = "0.40" }
        [models."gift"]
        provider = "hf"
        free = true
        tools = true
        [models."mystery"]
        provider = "local"
        [routes.smart]
        offers = ["local/smollm2-135m", "hug/meta-llama/Llama-3.1-8B-Instruct:cheapest"]
    "#;
    let config = resolve(toml, &[]).unwrap();
    assert!(
        config.warnings.iter().all(|warning| !warning.contains("providers.off")),
        "{:?}",
        config.warnings
    );
    let ids: Vec<&str> = config.providers.iter().map(|provider| &*provider.id).collect();
    assert_eq!(ids, ["huggingface", "local"]);
    let local = &config.providers[1];
    assert!(
        local.api_key.is_none()
            && local.catalogue == CatalogueKind::OpenAi
            && local.abort == AbortPolicy::Drain
    );

    let by_id = |id: &str| config.models.iter().find(|model| &*model.id == id).unwrap();
    let price = Price { input: "0.10".parse().unwrap(), output: "0.40".parse().unwrap(), cached_input: None };
    assert_eq!(by_id("smollm2-135m").pricing, Pricing::Priced(price));
    assert_eq!(&*by_id("smollm2-135m").upstream_model, "there");
    assert_eq!(by_id("gift").pricing, Pricing::Free);
    assert_eq!((&*by_id("gift").provider, by_id("gift").abilities.tools), ("huggingface", Some(true)));
    assert_eq!(by_id("mystery").pricing, Pricing::Unpriced);

    let [first, second] = &config.routes[0].offers[..] else { panic!("two offers") };
    assert_eq!((&*first.provider, &*first.model), ("local", "smollm2-135m"));
    assert_eq!(
        (&*second.provider, &*second.model),
        ("huggingface", "meta-llama/Llama-3.1-8B-Instruct:cheapest")
    );
}

/// A file, and what its refusal says.
const MISTAKES: &[(&str, &str)] = &[
    ("[servr]", "t.toml: servr: unknown key; did you mean `server`?"),
    ("[server]\nlistn = 1", "t.toml: [server] listn: unknown key; did you mean `listen`?"),
    ("[server]\nlisten = 8000", "t.toml: [server] listen: must be a string in quotes, not a whole number"),
    ("[server]\nlisten = \"8000\"", "must be an IP address and a port such as 127.0.0.1:8000, not `8000`"),
    ("[server]\nworkers = 0", "t.toml: [server] workers: must be from 1 to 256, not 0"),
    ("[server]\nbody_bytes_max = -1", "must be from 1024 to 1073741824, not -1"),
    ("[server]\nlisten = \"127.0.0.1:8001\"", "[server] and [admin] both listen on 127.0.0.1:8001"),
    ("a = \"b", "t.toml, line 1: "),
    ("\n\n[server]\n[server]", "t.toml, line 4: "),
    ("server = 1", "t.toml: server: must be a section, not a whole number"),
    (
        "[signup]\nverifier = \"oidc\"",
        "t.toml: [signup] oidc: is missing: verifier = \"oidc\" needs [signup.oidc]",
    ),
    (
        "[signup.oidc]\nissuer = \"https://id.example\"\naudience = \"us\"",
        "t.toml: [signup] oidc: is for verifier = \"oidc\": set that, or leave this section out",
    ),
    (
        "[signup.oidc]\njwks_url = \"https://id.example/keys\"",
        "t.toml: [signup] oidc: is for verifier = \"oidc\"",
    ),
    (
        "[signup]\nverifier = \"oidc\"\n[signup.oidc]\njwks_url = \"https://id.example/keys\"\nemail_verified = true",
        "t.toml: [signup] oidc: is missing: verifier = \"oidc\" needs [signup.oidc] with an issuer",
    ),
    (
        "[server]\nhosted_tools = \"all\"",
        "t.toml: [server] hosted_tools: must be usual, refuse or drop, not `all`",
    ),
    (
        "[server]\ntrusted_proxies = [\"10.0.0.1/8\"]",
        "t.toml: [server] trusted_proxies: `10.0.0.1/8` has bits set after the prefix: the network is 10.0.0.0/8",
    ),
    ("[admin]\nkey = \"x\"", "t.toml: [admin] key: unknown key; known here: listen, hosts"),
    ("[store]\nurl = \"postgres://me:pw@db/x\"", "[store] url: PostgreSQL is not supported by this version"),
    ("[store]\nurl = \"tollgate.db\"", "[store] url: must begin with sqlite://"),
    ("[providers.new]", "t.toml: [providers.new] base_url: is missing"),
    ("[providers.New]\nbase_url = \"http://x/v1\"", "t.toml: [providers.New]: a provider's id has"),
    ("[providers.n]\nbase_url = \"ftp://x\"", "[providers.n] base_url: must begin with http:// or https://"),
    ("[providers.n]\nbase_url = \"http://me:pw@x\"", "base_url: carries a user name or password"),
    ("[providers.n]\nbase_url = \"http://x/v1?a=b\"", "base_url: must end in its path"),
    (
        "[providers.n]\nbase_url = \"http://x\"\naliases = [\"hf\"]",
        "[providers.huggingface] and [providers.n] are both called `hf`",
    ),
    (
        "[providers.hf]\nbase_url = \"http://x\"",
        "[providers.hf] and [providers.huggingface] are both called `hf`",
    ),
    (
        "[providers.huggingface]\ntimeouts = { idle = 1 }",
        "[providers.huggingface.timeouts] idle: unknown key; did you mean `idle_ms`?",
    ),
    ("[providers.huggingface]\ntimeouts = { idle_ms = 86400001 }", "idle_ms: must be from 1 to 86400000"),
    (
        "[providers.huggingface]\nabort = \"drian\"",
        "[providers.huggingface] abort: must be drain, estimate or void",
    ),
    ("[providers.huggingface]\ncatalogue = \"hf\"", "catalogue: must be huggingface, openai or none"),
    (
        "[providers.huggingface]\nheaders = { Authorization = \"x\" }",
        "[providers.huggingface.headers] Authorization: is set by the gateway itself",
    ),
    ("[providers.huggingface]\nheaders = { \"a b\" = \"x\" }", "a b: is not a header name"),
    ("[providers.huggingface]\nheaders = { a = \"\\n\" }", "a: cannot stand in a header"),
    ("[providers.huggingface]\napi_key = \"a b\"", "api_key: must be visible ASCII without spaces"),
    ("[models.m]\nprovider = \"hf\"\nprice = { input = \"1\" }", "[models.m.price] output: is missing"),
    ("[models.m]\nprovider = \"hf\"\nprice = { output = \"1\" }", "[models.m.price] input: is missing"),
    (
        "[models.m]\nprovider = \"hf\"\nkind = \"embeddings\"\nprice = { input = \"1\", output = \"1\" }",
        "[models.m.price] output: embeddings have no output",
    ),
    (
        "[models.m]\nprovider = \"hf\"\nkind = \"embeddings\"\nprice = {}",
        "[models.m.price] input: is missing",
    ),
    (
        "[models.m]\nprovider = \"hf\"\nkind = \"embeddings\"\nupstream_model = \"a/b:groq\"",
        "[models.m] upstream_model: is served by none of Hugging Face's makers of embeddings: hf-inference, together",
    ),
    (
        "[models.m]\nprovider = \"hf\"\nkind = \"rerank\"",
        "[models.m] kind: must be chat, completions or embeddings",
    ),
    (
        "[providers.p]\nbase_url = \"http://h\"\nembeddings = \"none\"",
        "[providers.p] embeddings: must be openai or huggingface",
    ),
    (
        "[models.m]\nprovider = \"hf\"\nkind = \"completions\"\nupstream_model = \"a/b:groq\"",
        "[models.m] upstream_model: is served by none of Hugging Face's providers that complete texts: hf-inference, deep",
    ),
    (
        "[providers.p]\nbase_url = \"http://h\"\n[models.m]\nprovider = \"p\"\nkind = \"completions\"",
        "[models.m] upstream_model: needs a provider with completions = \"openai\" or \"huggingface\"",
    ),
    (
        "[providers.p]\nbase_url = \"http://h\"\ncompletions = \"none\"",
        "[providers.p] completions: must be chat, openai or huggingface",
    ),
    ("[models.m]\nprovider = \"hf\"\nprice = {}", "[models.m.price] input: is missing"),
    (
        "[models.m]\nprovider = \"hf\"\nprice = { input = 0.1, output = 0.2 }",
        "[models.m.price] input: must be a string in quotes, not a number with a point",
    ),
    (
        "[models.m]\nprovider = \"hf\"\nprice = { input = \"-1\", output = \"1\" }",
        "input: US dollars per million tokens such as \"0.10\": must not be negative",
    ),
    (
        "[models.m]\nprovider = \"hf\"\nprice = { input = \"1\", output = \"1\" }\nfree = true",
        "[models.m] free: contradicts price",
    ),
    ("[models.m]\nprovider = \"hf\"\ncontext_length = 0", "[models.m] context_length: must be from 1"),
    ("[models.m]\nfree = true", "[models.m] provider: is missing"),
    (
        "[models.m]\nprovider = \"huggingfase\"",
        "no enabled provider is called `huggingfase`; did you mean `huggingface`?",
    ),
    ("[models.\"a b\"]\nprovider = \"hf\"", "[models.a b]: a model's id has"),
    (
        "[routes.r]\nstrategy = \"cheapest\"\noffers = [\"hf/m\"]",
        "[routes.r] strategy: `cheapest` is not supported yet",
    ),
    (
        "[routes.r]\nstrategy = \"best\"\noffers = [\"hf/m\"]",
        "[routes.r] strategy: must be ordered, not `best`",
    ),
    ("[routes.r]\noffers = []", "[routes.r] offers: must list 1 to 16 offers"),
    ("[routes.r]\noffers = [\"m\"]", "[routes.r] offers: `m` is not of the form provider/model"),
    ("[routes.r]\noffers = [\"nobody/m\"]", "[routes.r] offers: no enabled provider is called `nobody`"),
];

#[test]
fn mistakes_are_told_with_their_place() {
    for (toml, expected) in MISTAKES {
        let told = resolve(toml, &[]).expect_err(toml);
        assert!(told.contains(expected), "{toml}\n  told:     {told}\n  expected: {expected}");
    }
}

#[test]
fn no_secret_shows_in_debug_output_or_in_an_error() {
    let canary = "hf_canary_0123456789";
    let toml = format!(
        "[providers.p]\nbase_url = \"http://127.0.0.1:1\"\napi_key = \"{canary}\"\nheaders = {{ X-Key = \"{canary}\" }}"
    );
    let env = [("TOLLGATE_ADMIN_KEY", canary), ("HF_TOKEN", canary)];
    let config = resolve(&toml, &env).unwrap();
    assert!(!format!("{config:?}{:?}", Env::of(&env)).contains(canary));
    assert!(
        config
            .warnings
            .iter()
            .any(|warning| warning.contains("[providers.p] api_key is written in the file"))
    );
    for broken in [
        format!("[providers.p]\napi_key = \"{canary} x\"\nbase_url = \"http://x\""),
        format!("[providers.p]\napi_key = \"{canary}"),
        format!("[providers.p]\ntimeouts = \"{canary}\""),
        format!("[store]\nurl = \"postgres://u:{canary}@h/d\""),
        format!("[providers.p]\nbase_url = \"http://u:{canary}@h/d\""),
        format!("api_key {canary}"),
    ] {
        let told = resolve(&broken, &[]).expect_err(&broken);
        assert!(!told.contains(canary), "{told}");
    }
}

#[test]
fn a_credential_in_clear_text_is_warned_about() {
    for (url, exposed) in [
        ("http://127.0.0.1:1/v1", false),
        ("http://localhost/v1", false),
        ("http://[::1]:1/v1", false),
        ("https://example.org", false),
        ("http://example.org", true),
        ("http://10.0.0.1/v1", true),
    ] {
        assert_eq!(BaseUrl::parse(url).unwrap().is_exposed(), exposed, "{url}");
    }
    let config = resolve("", &[("HF_TOKEN", "t"), ("TOLLGATE_HF_BASE_URL", "http://example.org")]).unwrap();
    assert!(config.warnings[0].contains("clear text"), "{:?}", config.warnings);
}

#[test]
fn log_levels_are_set_by_target() {
    let env = [("TOLLGATE_LOG", "warn, tollgate::pipeline=debug"), ("TOLLGATE_LOG_FORMAT", "json")];
    let log = resolve("", &env).unwrap().log;
    assert_eq!((log.level, log.format), (LogLevel::Warn, LogFormat::Json));
    assert_eq!(log.targets, [("tollgate::pipeline".to_owned(), LogLevel::Debug)]);
    for (name, value) in [("TOLLGATE_LOG", "loud"), ("TOLLGATE_LOG", "a=b"), ("TOLLGATE_LOG_FORMAT", "xml")] {
        let told = resolve("", &[(name, value)]).expect_err(value);
        assert!(told.starts_with(&format!("environment variable {name}: must be ")), "{told}");
    }
}

#[test]
fn a_dotenv_file_fills_in_what_the_process_does_not_set() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    // PATH is set in every process that runs a test.
    std::fs::write(&path, "# a comment\nTOLLGATE_TEST_ONLY=from-file\nPATH=from-file\n").unwrap();
    let env = Env::read(&path).unwrap();
    assert_eq!(env.get("TOLLGATE_TEST_ONLY"), Some("from-file"));
    assert_ne!(env.get("PATH"), Some("from-file"));
    assert!(Env::read(&dir.path().join("none")).is_ok());

    std::fs::write(&path, "A=1\nTOKEN canary\n").unwrap();
    let told = Env::read(&path).unwrap_err().to_string();
    assert!(told.contains("line 2") && !told.contains("canary"), "{told}");
}

#[test]
fn a_missing_or_huge_file_is_told_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gone.toml");
    let told = Config::load(Some(&path), &Overrides::default()).unwrap_err().to_string();
    assert!(told.contains("gone.toml"), "{told}");
    std::fs::write(&path, " ".repeat(usize::try_from(super::FILE_BYTES_MAX).unwrap() + 1)).unwrap();
    let told = Config::load(Some(&path), &Overrides::default()).unwrap_err().to_string();
    assert!(told.contains("gone.toml: larger than"), "{told}");
}
