//! `tollgate plan`: list, show, set, delete.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::PlanName;
use serde_json::Value;

use crate::limits::LimitFields;
use crate::out::Out;
use crate::view::{ListView, PlanView};

use super::Failure;
use super::remote::RemoteArgs;
use super::table::{pairs, table};

/// `tollgate plan …`.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tollgate plan list
  tollgate plan show free
  echo '{\"limits\": {\"requests_per_minute\": 60}, \"models\": [\"openai/*\"]}' > free.json
  tollgate plan set free free.json
  tollgate account set-plan acct_0198… free";

#[derive(Debug, Subcommand)]
enum Action {
    /// List every plan.
    #[command(after_help = EXAMPLES)]
    List,
    /// Show one plan.
    #[command(after_help = EXAMPLES)]
    Show {
        /// Its name.
        plan: PlanName,
    },
    /// Make a plan, or replace it whole. It counts at once.
    #[command(after_help = EXAMPLES)]
    Set {
        /// Its name.
        plan: PlanName,
        /// A file with its limits as JSON: limits (of the account), key (of each key), models, trial.
        file: PathBuf,
    },
    /// Delete a plan that no account is on.
    #[command(after_help = EXAMPLES)]
    Delete {
        /// Its name.
        plan: PlanName,
    },
}

/// Does it.
pub(super) async fn plan(args: &PlanArgs, out: &mut Out) -> Result<(), Failure> {
    let remote = args.remote.connect()?;
    let path = |plan: &PlanName| format!("/admin/plans/{plan}");
    match &args.action {
        Action::List => remote.get("/admin/plans").await?.show(out, describe_all),
        Action::Show { plan } => remote.get(&path(plan)).await?.show(out, describe),
        Action::Set { plan, file } => remote.put(&path(plan), &read(file)?).await?.show(out, describe),
        Action::Delete { plan } => remote.delete(&path(plan)).await?.show(out, describe),
    }
}

fn read(file: &Path) -> Result<Value, Failure> {
    let failed = |why: String| Failure::new(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

fn describe(plan: &PlanView) -> String {
    let trial = plan.trial.as_ref().map(|trial| {
        format!("{} days, ${} of credit", trial.days, trial.credit.as_deref().unwrap_or("0.00"))
    });
    pairs(&[
        ("name", plan.name.clone()),
        ("source", plan.source.clone()),
        ("account", in_words(&plan.limits)),
        ("each key", in_words(&plan.key)),
        ("models", plan.models.as_ref().map_or_else(|| "all".to_owned(), |models| models.join(", "))),
        ("trial", trial.unwrap_or_else(|| "no".to_owned())),
    ])
}

fn describe_all(plans: &ListView<PlanView>) -> String {
    let rows = plans.data.iter().map(|plan| {
        vec![plan.name.clone(), plan.source.clone(), in_words(&plan.limits), in_words(&plan.key)]
    });
    table(&["name", "source", "account", "each key"], &[], rows.collect())
}

/// The limits that are set, under the names that they are set by: `requests_per_minute 60, concurrent 4`.
pub(super) fn in_words(limits: &LimitFields) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(limits) else { return String::new() };
    let words = fields.iter().map(|(name, value)| match value {
        Value::String(dollars) => format!("{name} ${dollars}"),
        number => format!("{name} {number}"),
    });
    match words.collect::<Vec<_>>() {
        none if none.is_empty() => "no limits".to_owned(),
        words => words.join(", "),
    }
}
