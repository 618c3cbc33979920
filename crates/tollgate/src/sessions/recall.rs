//! What a call goes on from: the history that its request names, and the right to add to it.

use domain::{AccountId, ConversationId};
use wire::pivot::Item;
use wire::responses::read_item;

use super::{Lock, Locks, estimate, ids};
use crate::ledger::ids::conversation_id;
use crate::ledger::sessions::{self as store, Bounds, Place, Recent, SessionError, SessionPolicy};
use crate::ledger::{Ledger, LedgerError};

/// The most that is read of a history, or of items that a request refers to, which is far above any model's context. The body that is put together from it
/// and from a request is not bounded by what a client may send, but by the sum of both.
pub(crate) const HISTORY: Bounds = Bounds { items_max: 50_000, bytes_max: 64 << 20 };

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
    /// The name with which the conversation is made, where it is not there yet.
    pub(crate) name_if_new: Option<String>,
    /// The history, oldest first.
    pub(crate) items: Vec<Item>,
    /// Whether that is all of it.
    pub(crate) is_whole: bool,
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
///
/// Where the history is to be cut to `tokens_max`, hardly more of it is read. Otherwise it has to be whole.
pub(crate) async fn recall(
    memory: Memory<'_>,
    account: AccountId,
    wish: &Wish,
    tokens_max: Option<u64>,
) -> Result<Past, SessionRefusal> {
    let named = [&wish.previous, &wish.conversation, &wish.name];
    if named.into_iter().flatten().count() > 1 {
        return Err(SessionRefusal::Several);
    }
    let bytes_max = memory.policy.account_bytes_max;
    if wish.store && memory.ledger.session_bytes(account) >= bytes_max {
        return Err(SessionRefusal::Full(bytes_max));
    }
    let (spot, lock) = place(memory, account, wish).await?;
    let Spot { place, name_if_new } = spot;
    // After the lock: whoever had it before has stored its turn.
    let (items, is_whole) = match place {
        _ if name_if_new.is_some() => (Vec::new(), true),
        Place::Root => (Vec::new(), true),
        place => {
            history(memory.ledger, account, place, tokens_max).await.map_err(|error| unread(error, wish))?
        }
    };
    Ok(Past { place, name_if_new, items, is_whole, lock })
}

/// Where a turn belongs.
struct Spot {
    place: Place,
    /// The name of the conversation of the place, where it is not there yet.
    name_if_new: Option<String>,
}

async fn place(
    memory: Memory<'_>,
    account: AccountId,
    wish: &Wish,
) -> Result<(Spot, Option<Lock>), SessionRefusal> {
    let alone = |place| (Spot { place, name_if_new: None }, None);
    if let Some(previous) = &wish.previous {
        let unknown = || SessionRefusal::NoResponse(previous.clone());
        let call = ids::call_of(previous).ok_or_else(unknown)?;
        let turn = memory.ledger.response(account, call).await?.ok_or_else(unknown)?;
        if !turn.status.is_final() {
            return Err(SessionRefusal::Unfinished(previous.clone()));
        }
        return Ok(alone(Place::After(call)));
    }
    if let Some(conversation) = &wish.conversation {
        let unknown = || SessionRefusal::NoConversation(conversation.clone());
        let id: ConversationId = conversation.parse().map_err(|_| unknown())?;
        memory.ledger.conversation(account, id).await?.ok_or_else(unknown)?;
        let (spot, _) = alone(Place::In(id));
        let lock = wish.store.then(|| memory.locks.take(id).ok_or(SessionRefusal::Busy));
        return Ok((spot, lock.transpose()?));
    }
    match &wish.name {
        None => Ok(alone(Place::Root)),
        Some(name) if wish.store => named(memory, account, name).await,
        Some(name) => {
            let known = memory.ledger.conversation_by_name(account, name).await?;
            Ok(alone(known.map_or(Place::Root, |conversation| Place::In(conversation.id))))
        }
    }
}

/// The place in the conversation of that name. Where there is none, it is made with the turn, and only then.
async fn named(
    memory: Memory<'_>,
    account: AccountId,
    name: &str,
) -> Result<(Spot, Option<Lock>), SessionRefusal> {
    // Before the look, so that two first calls do not both find none.
    let lock = memory.locks.take_name(account, name).ok_or(SessionRefusal::Busy)?;
    let known = memory.ledger.conversation_by_name(account, name).await?;
    let name_if_new = known.is_none().then(|| name.to_owned());
    let id = known.map_or_else(|| conversation_id(memory.ledger.clock()), |conversation| conversation.id);
    let lock = lock.with(id).ok_or(SessionRefusal::Busy)?;
    Ok((Spot { place: Place::In(id), name_if_new }, Some(lock)))
}

/// The history, and whether that is all of it. It is parsed where it is read, and not on the worker.
async fn history(
    ledger: &Ledger,
    account: AccountId,
    place: Place,
    tokens_max: Option<u64>,
) -> Result<(Vec<Item>, bool), SessionError> {
    let mut tokens = 0_u64;
    let enough = move |item: &store::Item| {
        let Some(tokens_max) = tokens_max else { return false };
        tokens = tokens.saturating_add(read_item(&item.body).map_or(0, |item| estimate(&item)));
        tokens > tokens_max
    };
    let parsed = |recent: Recent| {
        let items = recent.items.iter().filter_map(|item| read_item(&item.body).ok());
        (items.collect(), recent.is_whole)
    };
    let (items, is_whole) = ledger.recent_history(account, place, HISTORY, enough, parsed).await?;
    if is_whole || tokens_max.is_some() { Ok((items, is_whole)) } else { Err(SessionError::TooLong) }
}

fn unread(error: SessionError, wish: &Wish) -> SessionRefusal {
    match error {
        SessionError::TooLong => SessionRefusal::TooLong,
        SessionError::Ledger(error) => SessionRefusal::Store(error),
        SessionError::NotFound | SessionError::Broken | SessionError::UnknownCursor => {
            match &wish.conversation {
                Some(conversation) => SessionRefusal::NoConversation(conversation.clone()),
                None => SessionRefusal::NoResponse(wish.previous.clone().unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, Past, SessionRefusal, Wish, recall};
    use crate::clock::Clock;
    use crate::ledger::sessions::{self as store, NewTurn, Place, SessionPolicy, TurnStatus};
    use crate::ledger::{Ledger, NewAccount, StoreConfig, Terms};
    use crate::sessions::{Locks, response_id};
    use domain::{AccountId, AccountKind, CallId};

    /// A turn of a question, whose text is its number, and an answer without a text.
    fn turn(account: AccountId, call: u128) -> NewTurn {
        let says = |id: String, role: &str, text: &str| store::Item {
            body: format!(r#"{{"type":"message","id":"{id}","role":"{role}","content":"{text}"}}"#),
            id,
        };
        NewTurn {
            name_if_new: None,
            call: CallId::from_bits(call),
            account,
            created_at_ms: 0,
            place: if call == 1 { Place::Root } else { Place::After(CallId::from_bits(call - 1)) },
            status: TurnStatus::Completed,
            background: false,
            head: "{}".to_owned(),
            input: vec![says(format!("msg_{call}"), "user", &call.to_string())],
            output: vec![says(format!("msg_{call}_a"), "assistant", "")],
        }
    }

    #[tokio::test]
    async fn a_history_that_is_to_be_cut_is_read_from_its_end() {
        const TURNS: u128 = 50;
        let folder = tempfile::tempdir().unwrap();
        let store = StoreConfig::Sqlite(folder.path().join("ledger.db"));
        let ledger = Ledger::open(store, Clock::System).unwrap();
        let new = NewAccount { name: "ada".into(), kind: AccountKind::Metered, terms: Terms::default() };
        let ada = ledger.create_account(new).await.unwrap().id;
        for call in 1..=TURNS {
            ledger.open_turn(turn(ada, call)).await.unwrap();
        }
        let locks = Locks::default();
        let memory = Memory { ledger: &ledger, locks: &locks, policy: SessionPolicy::default() };
        let previous = Some(response_id(CallId::from_bits(TURNS)));
        let wish = Wish { previous, ..Wish::default() };
        let texts = |past: Past| -> (Vec<String>, bool) {
            let said: Vec<String> = past.items.iter().map(|item| item.text().to_owned()).collect();
            (said.into_iter().filter(|text| !text.is_empty()).collect(), past.is_whole)
        };

        let (all, is_whole) = texts(recall(memory, ada, &wish, None).await.unwrap());
        assert!(is_whole && all.len() as u128 == TURNS && all[0] == "1");
        // An answer is taken for 16 tokens and a question for 17, so that three turns have 99.
        for (tokens_max, questions) in [(98, 3), (115, 4), (u64::MAX, 50)] {
            let (newest, is_whole) = texts(recall(memory, ada, &wish, Some(tokens_max)).await.unwrap());
            assert_eq!(newest, all[all.len() - questions..], "{tokens_max} tokens");
            assert_eq!(is_whole, questions == 50);
        }

        // What was deleted is missed by those who need it.
        assert!(ledger.delete_response(ada, CallId::from_bits(1)).await.unwrap());
        assert!(recall(memory, ada, &wish, Some(50)).await.is_ok());
        for tokens_max in [None, Some(u64::MAX)] {
            let refused = recall(memory, ada, &wish, tokens_max).await.unwrap_err();
            assert!(matches!(refused, SessionRefusal::NoResponse(_)));
        }
        ledger.close().await;
    }
}
