//! The configuration in words: what each section comes to, without secrets.

use domain::{Plan, Pricing};

use crate::config::{
    Config, ModelConfig, OtlpConfig, ProviderConfig, RouteConfig, SignupConfig, VerifierConfig,
};
use crate::limits::LimitFields;

use super::super::plan::in_words;

/// Names and sentences, in the order of the file.
pub(super) fn describe(config: &Config) -> Vec<(String, String)> {
    let file = config
        .file
        .as_ref()
        .map_or_else(|| "no file: defaults".to_owned(), |file| file.display().to_string());
    let server = &config.server;
    let clients = format!(
        "http://{}, {} workers, bodies up to {} bytes, {} ms to end open calls at a stop",
        server.listen,
        server.workers,
        server.body_bytes_max,
        server.drain.as_millis()
    );
    let key = if config.admin.key.is_some() { "set" } else { "made and shown at the first start" };
    let mut rows = vec![
        ("configuration".to_owned(), file),
        ("clients".to_owned(), clients),
        ("operators".to_owned(), format!("http://{}, admin key {key}", config.admin.listen)),
        ("store".to_owned(), format!("SQLite at {}", config.store.path.display())),
        ("telemetry".to_owned(), telemetry(config.telemetry.otlp.as_ref())),
        ("sign-up".to_owned(), signup(config.signup.as_ref())),
    ];
    rows.extend(config.providers.iter().map(|row| (format!("provider {}", row.id), provider(row))));
    rows.extend(config.models.iter().map(|row| (format!("model {}", row.id), model(row))));
    rows.extend(config.routes.iter().map(|row| (format!("route {}", row.name), route(row))));
    rows.extend(config.plans.iter().map(|row| (format!("plan {}", row.name), plan(row))));
    rows
}

fn telemetry(otlp: Option<&OtlpConfig>) -> String {
    otlp.map_or_else(
        || "no traces are sent".to_owned(),
        |otlp| format!("traces of {} in 1,000 calls to {}", otlp.sample_per_mille, otlp.traces),
    )
}

fn signup(signup: Option<&SignupConfig>) -> String {
    let Some(signup) = signup else { return "off".to_owned() };
    let proof = match &signup.verifier {
        VerifierConfig::Invite => "invite codes".to_owned(),
        VerifierConfig::Oidc(oidc) => format!("ID tokens of {} for {}", oidc.issuer, oidc.audience),
    };
    format!("on, with {proof}; opens the plan {}", signup.plan)
}

fn plan(row: &Plan) -> String {
    let models = row.models.as_ref().map_or_else(
        || "all models".to_owned(),
        |models| format!("the models {}", models.patterns().collect::<Vec<_>>().join(", ")),
    );
    let trial = row
        .trial
        .as_ref()
        .map(|trial| format!(", a trial of {} days with ${}", trial.days, trial.credit))
        .unwrap_or_default();
    let [account, key] = [&row.account, &row.key].map(|limits| in_words(&LimitFields::from(limits)));
    format!("{models}{trial}; the account: {account}; each key: {key}")
}

fn provider(row: &ProviderConfig) -> String {
    let credential = match (&row.api_key, row.api_key_variables.is_empty()) {
        (Some(_), _) => "credential set",
        (None, true) => "no credential",
        (None, false) => "credential not set",
    };
    let names =
        if row.aliases.is_empty() { String::new() } else { format!(" (also {})", row.aliases.join(", ")) };
    let trusted = row
        .ca_file
        .as_ref()
        .map(|file| format!(", trusted by {} alone", file.path().display()))
        .unwrap_or_default();
    let timeouts = &row.timeouts;
    format!(
        "{}{names}{trusted}, {credential}, catalogue {}, deadlines {}/{}/{}/{} ms (connect/first byte/idle/total), \
         abandoned answers: {}",
        row.base_url,
        row.catalogue.as_str(),
        timeouts.connect.as_millis(),
        timeouts.first_byte.as_millis(),
        timeouts.idle.as_millis(),
        timeouts.total.as_millis(),
        row.abort.as_str()
    )
}

fn model(row: &ModelConfig) -> String {
    let price = match &row.pricing {
        Pricing::Priced(price) => format!("${} in and ${} out per million tokens", price.input, price.output),
        Pricing::Free => "free".to_owned(),
        Pricing::Unpriced => "unpriced, so refused to prepaid accounts".to_owned(),
    };
    format!("{} at {}, {price}", row.upstream_model, row.provider)
}

fn route(row: &RouteConfig) -> String {
    let offers: Vec<String> =
        row.offers.iter().map(|offer| format!("{}/{}", offer.provider, offer.model)).collect();
    offers.join(", then ")
}
