//! Series of usage as they are answered on both listeners.

use axum::Json;
use domain::Money;
use domain::calendar::DAY_MS;
use serde::Deserialize;
use utoipa::ToSchema;

use super::ApiError;
use super::activity_reply::failed;
use crate::admin::view::UsageView;
use crate::ledger::Ledger;
use crate::ledger::usage::{Calls, GroupBy, Interval, SeriesQuery};

/// `hour`, `day` or `month`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IntervalText {
    Hour,
    Day,
    Month,
}

/// `none`, `key`, `model` or `provider`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupText {
    None,
    Key,
    Model,
    Provider,
}

/// Answers for `calls`, with money written by `money`; for none of them when the filters contradict each other.
///
/// Without times, it is the last day of hours, the last month of days or the last year of months.
pub(crate) async fn reply<M>(
    ledger: &Ledger,
    calls: Option<Calls>,
    interval: Option<IntervalText>,
    group_by: Option<GroupText>,
    now_ms: i64,
    money: fn(Money) -> M,
) -> Result<Json<UsageView<M>>, ApiError> {
    let (interval, days) = match interval.unwrap_or(IntervalText::Day) {
        IntervalText::Hour => (Interval::Hour, 1),
        IntervalText::Day => (Interval::Day, 30),
        IntervalText::Month => (Interval::Month, 365),
    };
    let group_by = match group_by.unwrap_or(GroupText::None) {
        GroupText::None => GroupBy::None,
        GroupText::Key => GroupBy::Key,
        GroupText::Model => GroupBy::Model,
        GroupText::Provider => GroupBy::Provider,
    };
    let nothing = calls.is_none();
    let mut calls = calls.unwrap_or_default();
    let to_ms = *calls.to_ms.get_or_insert(now_ms.saturating_add(1));
    calls.from_ms.get_or_insert(to_ms.saturating_sub(days * DAY_MS));
    let query = SeriesQuery { calls, interval, group_by };
    let points = if nothing { Vec::new() } else { ledger.series(query.clone()).await.map_err(failed)? };
    Ok(Json(UsageView::of(&query, points, money)))
}
