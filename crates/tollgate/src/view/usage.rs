//! Activity and series of usage as JSON. Money is a JSON number for clients and a string for operators.

use domain::Histogram;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ledger::usage::{GroupBy, Point, Rebuilt, SeriesQuery};

use super::number::Thousandths;
use super::receipt::TokensView;
use crate::time::rfc3339;

/// A page of calls, newest first.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct ActivityView<T> {
    /// Always `list`.
    pub object: String,
    /// The calls.
    pub data: Vec<T>,
    /// What to send as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
    /// How many calls the filters mean, on all pages.
    pub total: u64,
}

/// A series: what calls came to, interval by interval. All times are UTC.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct UsageView<M> {
    /// Always `usage`.
    pub object: String,
    /// `hour`, `day` or `month`.
    pub interval: String,
    /// `none`, `key`, `model` or `provider`.
    pub group_by: String,
    /// In order of time and group. Points without calls are left out.
    pub data: Vec<PointView<M>>,
}

/// One interval of one group.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct PointView<M> {
    /// When the interval starts.
    pub start: String,
    /// The key, model or provider; `null` for calls without one, and where nothing is grouped.
    pub group: Option<String>,
    /// Calls.
    pub requests: u64,
    /// Of those, calls that were neither answered whole nor ended by their client.
    pub errors: u64,
    /// Tokens by kind.
    pub tokens: TokensView,
    /// What was paid, in US dollars.
    pub cost: M,
    /// Which part of the prompts' tokens came from a cache, from 0 to 1; `null` without prompts.
    pub cache_hit_share: Option<Thousandths>,
    /// Milliseconds to the first token.
    pub first_token_ms: QuantilesView,
    /// Output tokens per second.
    pub output_tokens_per_second: QuantilesView,
}

/// The values that half, nine tenths and 99 of 100 calls do not exceed, within a thirty-second part of themselves;
/// `null` where nothing was measured.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct QuantilesView {
    /// The median.
    pub p50: Option<Thousandths>,
    /// Of nine tenths.
    pub p90: Option<Thousandths>,
    /// Of 99 of 100.
    pub p99: Option<Thousandths>,
}

/// What a rebuild of the rollups did.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct RebuiltView {
    /// Receipts that were read.
    pub receipts: u64,
    /// Rows that differed from their receipts, and do no more.
    pub mended: u64,
}

impl<M> UsageView<M> {
    /// The points of a series.
    pub fn of(query: &SeriesQuery, points: Vec<Point>, money: fn(domain::Money) -> M) -> UsageView<M> {
        let group = |group: String| (query.group_by != GroupBy::None && !group.is_empty()).then_some(group);
        let view = |point: Point| PointView {
            start: rfc3339(point.start_ms),
            group: group(point.group),
            requests: point.sums.requests,
            errors: point.sums.errors,
            tokens: TokensView::of(&point.sums.usage),
            cost: money(point.sums.charge),
            cache_hit_share: point.sums.cache_permille().and_then(Thousandths::new),
            first_token_ms: QuantilesView::of(&point.sums.first_token),
            output_tokens_per_second: QuantilesView::of(&point.sums.speed),
        };
        UsageView {
            object: "usage".to_owned(),
            interval: query.interval.as_str().to_owned(),
            group_by: query.group_by.as_str().to_owned(),
            data: points.into_iter().map(view).collect(),
        }
    }
}

impl QuantilesView {
    /// Of thousandths.
    fn of(histogram: &Histogram) -> QuantilesView {
        let quantile = |permille| histogram.quantile(permille).and_then(Thousandths::new);
        QuantilesView { p50: quantile(500), p90: quantile(900), p99: quantile(990) }
    }
}

impl RebuiltView {
    /// What was done.
    #[must_use]
    pub fn of(rebuilt: Rebuilt) -> RebuiltView {
        RebuiltView { receipts: rebuilt.receipts, mended: rebuilt.mended }
    }
}
