//! What a call goes on from: the history that its request names, and the right to add to it.

use domain::{AccountId, ConversationId};
use wire::pivot::Item;
use wire::responses::read_item;

use super::{Lock, Locks, ids};
use crate::ledger::ids::conversation_id;
use crate::ledger::sessions::{Bounds, Place, SessionError, SessionPolicy};
use crate::ledger::{Ledger, LedgerError};

/// The most that is read of a history, which is far above any model's context.
const HISTORY: Bounds = Bounds { items_max: 50_000, bytes_max: 64 << 20 };

/// What a request says of the conversation that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The response to go on from.
    pub(crate) previous: Option<String>,
    /// The conversation to go on in.
    pub(crate) conversation: Option<String>,
    /// The client's own name of the conversation to go on in, which is made when it is not there and the turn is stored.
    pub(crate) name: Option<String>,
    /// Whether the turn is to be stored.
    pub(crate) store: bool,
}

/// What a call goes on from.
#[derive(Debug)]
pub(crate) struct Past {
    /// Where the turn belongs.
    pub(crate) place: Place,
    /// The history, oldest first.
    pub(crate) items: Vec<Item>,
    /// Keeps others out of the conversation.
    pub(crate) lock: Option<Lock>,
}

/// Why a call cannot go on.
#[derive(Debug)]
pub enum SessionRefusal {
    /// The account has no such response.
    NoResponse(String),
    /// The account has no such conversation.
    NoConversation(String),
    /// The account has no such item.
    NoItem(String),
    /// The response is not there yet.
    Unfinished(String),
    /// Two of the ways to name a conversation stand in one request.
    Several,
    /// The name is not a short visible text, or two names differ. What it stands in.
    BadName(&'static str),
    /// Another call is under way in the conversation.
    Busy,
    /// The history is too long to be read.
    TooLong,
    /// The history does not fit into the model's context.
    Overflow(super::Overflow),
    /// The account's sessions take all the room that they may.
    Full(u64),
    /// Too many responses run in the background.
    TooMany,
    /// The store gave no answer.
    Store(LedgerError),
}

impl From<LedgerError> for SessionRefusal {
    fn from(error: LedgerError) -> SessionRefusal {
        SessionRefusal::Store(error)
    }
}

/// What recalling needs of the gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory<'a> {
    /// Where turns are stored.
    pub(crate) ledger: &'a Ledger,
    /// Who goes on in which conversation.
    pub(crate) locks: &'a Locks,
    /// How sessions are kept.
    pub(crate) policy: SessionPolicy,
}

/// Finds what a request of `account` goes on from, and keeps others out of its conversation.
pub(crate) async fn recall(
    memory: Memory<'_>,
    account: AccountId,
    wish: &Wish,
) -> Result<Past, SessionRefusal> {
    let named = [&wish.previous, &wish.conversation, &wish.name];
    if named.into_iter().flatten().count() > 1 {
        return Err(SessionRefusal::Several);
    }
    let bytes_max = memory.policy.account_bytes_max;
    if wish.store && memory.ledger.session_bytes(account) >= bytes_max {
        return Err(SessionRefusal::Full(bytes_max));
    }
    let place = place(memory, account, wish).await?;
    let lock = match place {
        Place::In(conversation) if wish.store => {
            Some(memory.locks.take(conversation).ok_or(SessionRefusal::Busy)?)
        }
        _ => None,
    };
    // After the lock: whoever had it before has stored its turn.
    let items = match place {
        Place::Root => Vec::new(),
        place => history(memory.ledger, account, place, wish).await?,
    };
    Ok(Past { place, items, lock })
}

async fn place(memory: Memory<'_>, account: AccountId, wish: &Wish) -> Result<Place, SessionRefusal> {
    if let Some(previous) = &wish.previous {
        let unknown = || SessionRefusal::NoResponse(previous.clone());
        let call = ids::call_of(previous).ok_or_else(unknown)?;
        let turn = memory.ledger.response(account, call).await?.ok_or_else(unknown)?;
        if !turn.status.is_final() {
            return Err(SessionRefusal::Unfinished(previous.clone()));
        }
        return Ok(Place::After(call));
    }
    if let Some(conversation) = &wish.conversation {
        let unknown = || SessionRefusal::NoConversation(conversation.clone());
        let id: ConversationId = conversation.parse().map_err(|_| unknown())?;
        memory.ledger.conversation(account, id).await?.ok_or_else(unknown)?;
        return Ok(Place::In(id));
    }
    let Some(name) = &wish.name else { return Ok(Place::Root) };
    if !wish.store {
        let known = memory.ledger.conversation_by_name(account, name).await?;
        return Ok(known.map_or(Place::Root, |conversation| Place::In(conversation.id)));
    }
    let fresh = conversation_id(memory.ledger.clock());
    let conversation = memory.ledger.conversation_named(account, name, fresh).await?;
    Ok(Place::In(conversation.id))
}

async fn history(
    ledger: &Ledger,
    account: AccountId,
    place: Place,
    wish: &Wish,
) -> Result<Vec<Item>, SessionRefusal> {
    let stored = ledger.history(account, place, HISTORY).await.map_err(|error| match error {
        SessionError::TooLong => SessionRefusal::TooLong,
        SessionError::Ledger(error) => SessionRefusal::Store(error),
        SessionError::NotFound | SessionError::Broken | SessionError::UnknownCursor => {
            match &wish.conversation {
                Some(conversation) => SessionRefusal::NoConversation(conversation.clone()),
                None => SessionRefusal::NoResponse(wish.previous.clone().unwrap_or_default()),
            }
        }
    })?;
    Ok(stored.iter().filter_map(|item| read_item(&item.body).ok()).collect())
}
