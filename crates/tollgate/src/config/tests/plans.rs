//! `[plans]`: what makes a plan, and how a slip is told.

use domain::{Limit, Period};

use super::resolve;

#[test]
fn a_plan_has_limits_of_the_account_of_each_key_models_and_a_trial() {
    let config = resolve(
        "[plans.free]\nrequests_per_minute = 60\nrequests_burst = 10\ntokens_per_minute = 1000\nconcurrent = 0\n\
         requests_per_week = 7\nspend_per_month = \"1.50\"\nmodels = [\"openai/*\"]\n\
         [plans.free.key]\ntokens_total = 5\n[plans.free.trial]\ndays = 3\ncredit = \"0.25\"\n[plans.bare]\n",
        &[],
    )
    .unwrap();
    let [bare, free] = &config.plans[..] else { panic!("two plans") };
    assert_eq!((bare.name.as_str(), bare.account, bare.trial.as_ref()), ("bare", domain::Limits::NONE, None));
    assert_eq!(free.account.requests, Some(Limit::new(60, 10).unwrap()));
    assert_eq!(free.account.tokens, Some(Limit::new(1000, 1000).unwrap()), "the burst is the rate");
    assert_eq!(free.account.concurrent, Some(0));
    assert_eq!(free.account.quotas[Period::Week].requests, Some(7));
    assert_eq!(free.account.quotas[Period::Month].spend, Some("1.50".parse().unwrap()));
    assert_eq!(free.key.quotas[Period::Total].tokens, Some(5));
    assert!(free.models.as_ref().is_some_and(|models| models.allows("openai/x") && !models.allows("x")));
    let trial = free.trial.as_ref().unwrap();
    assert_eq!((trial.days, trial.credit), (3, "0.25".parse().unwrap()));
}

#[test]
fn a_slip_in_a_plan_is_told_by_its_key() {
    for (toml, words) in [
        (
            "[plans.p]\nrequest_per_minute = 1",
            "[plans.p] request_per_minute: unknown key; did you mean `requests_per_minute`?",
        ),
        ("[plans.p.key]\nmodels = [\"a\"]", "[plans.p.key] models: unknown key"),
        ("[plans.p]\nrequests_per_minute = 0", "requests_per_minute: must be from 1 to 1000000000, not 0"),
        ("[plans.p]\nrequests_burst = 1", "requests_burst: needs requests_per_minute beside it"),
        ("[plans.p]\nspend_per_day = 1", "spend_per_day: must be a string in quotes"),
        ("[plans.p]\nspend_per_day = \"one\"", "spend_per_day: must be US dollars such as \"10.00\""),
        ("[plans.p]\nmodels = []", "models: must name at least one model"),
        ("[plans.p.trial]\ncredit = \"1\"", "[plans.p.trial] days: is missing"),
        ("[plans.p.trial]\ndays = 4000", "days: must be from 1 to 3660"),
        ("[plans.Free]", "[plans.Free]: a plan's name must be 1 to 64 of a-z"),
        ("[plans]\np = 1", "[plans] p: must be a section"),
    ] {
        let told = resolve(toml, &[]).unwrap_err();
        assert!(told.contains(words), "{toml}: {told}");
    }
}
