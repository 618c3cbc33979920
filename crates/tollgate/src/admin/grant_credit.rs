//! `POST /admin/accounts/{id}/grants`: grants credit, once per reference.

use axum::Json;
use axum::extract::{Path, State};
use domain::Money;
use domain::decimal::NANOS_PER_UNIT;

use super::fields::JsonFields;
use super::show_account::account_id;
use super::view::GrantView;
use super::{AdminError, AdminState};

/// The largest single grant: a billion dollars. More is a slip of the keyboard.
const AMOUNT_DOLLARS_MAX: u64 = 1_000_000_000;

/// The ledger's own bound.
const REFERENCE_BYTES_MAX: usize = 255;

/// `{amount, reference}`; the same reference again gives the same answer and no second grant.
pub(super) async fn grant_credit(
    State(state): State<AdminState>,
    Path(account): Path<String>,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<GrantView>, AdminError> {
    let account = account_id(&account)?;
    let amount = parse_amount(&fields.text("amount")?)?;
    let reference = fields.text("reference")?;
    let fits = (1..=REFERENCE_BYTES_MAX).contains(&reference.len());
    if !fits || reference.chars().any(char::is_control) {
        let message = format!("'reference' has 1 to {REFERENCE_BYTES_MAX} bytes and no control characters.");
        return Err(AdminError::invalid("reference", message));
    }
    fields.finish()?;
    let grant = state.ledger.grant(account, amount, &reference).await?;
    Ok(Json(GrantView::of(&grant)))
}

fn parse_amount(text: &str) -> Result<Money, AdminError> {
    let refused = |why: String| AdminError::invalid("amount", format!("'amount' {why}."));
    let amount: Money =
        text.parse().map_err(|error| refused(format!("(US dollars such as \"1.00\"): {error}")))?;
    if amount.is_zero() {
        return Err(refused("must be more than nothing".to_owned()));
    }
    if amount.nanos().unsigned_abs() > AMOUNT_DOLLARS_MAX * NANOS_PER_UNIT {
        return Err(refused(format!("must be at most {AMOUNT_DOLLARS_MAX}")));
    }
    Ok(amount)
}
