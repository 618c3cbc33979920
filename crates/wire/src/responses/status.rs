//! What became of a response, and of one of its items.

use crate::pivot::Finish;

/// What became of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It waits to be made in the background.
    Queued,
    /// It is being made.
    InProgress,
    /// It is whole.
    Completed,
    /// It stops before its end, for a reason that is told.
    Incomplete,
    /// It failed.
    Failed,
    /// The client cancelled it.
    Cancelled,
}

impl Status {
    /// The status of an answer that ended so. An answer whose end the upstream did not tell is never a success.
    #[must_use]
    pub fn of(finish: Finish) -> Status {
        match finish {
            Finish::Stop | Finish::ToolCalls => Status::Completed,
            Finish::Length | Finish::ContentFilter => Status::Incomplete,
            Finish::Unsaid => Status::Failed,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
            Status::Incomplete => "incomplete",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }

    /// The status of the item at `index` of the `count` items of a response of this status: where a response is not
    /// whole, its last item is not.
    #[must_use]
    pub fn of_item(self, index: usize, count: usize) -> ItemStatus {
        if self == Status::Completed || index + 1 < count {
            ItemStatus::Completed
        } else {
            ItemStatus::Incomplete
        }
    }
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemStatus {
    /// It grows.
    InProgress,
    /// It is whole.
    Completed,
    /// It stops before its end.
    Incomplete,
}

impl ItemStatus {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ItemStatus::InProgress => "in_progress",
            ItemStatus::Completed => "completed",
            ItemStatus::Incomplete => "incomplete",
        }
    }
}
