//! Random histories against a small model: what is there, in which order, and that every count of bytes is the sum of
//! its rows.

use std::collections::BTreeMap;

use domain::{CallId, ConversationId};
use proptest::collection::vec;
use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};

use super::{Desk, WIDE, after, history, items, names, within};
use crate::ledger::sessions::{NewTurn, Place, SessionError};

#[derive(Clone, Debug)]
enum Step {
    Turn(Spot),
    Make,
    Add(usize),
    DeleteTurn(usize),
    DeleteItem(usize, usize),
    DeleteConversation(usize),
    Update(usize, usize),
    RollUp,
    Reopen,
}

/// What a turn goes on from: a number stands for one of those that were ever there.
#[derive(Clone, Copy, Debug)]
enum Spot {
    Root,
    After(usize),
    In(usize),
}

fn steps() -> impl Strategy<Value = Step> {
    let any = || 0..30usize;
    prop_oneof![
        1 => proptest::strategy::Just(Step::Turn(Spot::Root)),
        5 => any().prop_map(|turn| Step::Turn(Spot::After(turn))),
        4 => any().prop_map(|conversation| Step::Turn(Spot::In(conversation))),
        2 => proptest::strategy::Just(Step::Make),
        2 => any().prop_map(Step::Add),
        2 => any().prop_map(Step::DeleteTurn),
        2 => (any(), any()).prop_map(|(conversation, item)| Step::DeleteItem(conversation, item)),
        1 => any().prop_map(Step::DeleteConversation),
        1 => (any(), 0..9usize).prop_map(|(conversation, length)| Step::Update(conversation, length)),
        1 => proptest::strategy::Just(Step::RollUp),
        1 => proptest::strategy::Just(Step::Reopen),
    ]
}

/// What there is, by the numbers of turns and conversations. Names of items are numbers too.
#[derive(Default)]
struct Model {
    made: u128,
    turns: BTreeMap<u128, Turn>,
    /// The lists of conversations that live.
    conversations: BTreeMap<u128, Vec<String>>,
    turns_ever: Vec<u128>,
    conversations_ever: Vec<u128>,
}

struct Turn {
    parent: Option<u128>,
    conversation: Option<u128>,
    own: Vec<String>,
}

impl Model {
    fn next(&mut self) -> u128 {
        self.made += 1;
        self.made
    }

    fn pick(ever: &[u128], number: usize) -> u128 {
        if ever.is_empty() { 999_999 } else { ever[number % ever.len()] }
    }

    /// What a turn after this one goes on from, or which error.
    fn history(&self, call: u128) -> Result<String, &'static str> {
        let mut turn = self.turns.get(&call).ok_or("not found")?;
        let mut parts = Vec::new();
        loop {
            if let Some(conversation) = turn.conversation {
                let list = self.conversations.get(&conversation).ok_or("broken")?;
                // Names are numbers that grow in the order of storing.
                let last = turn.own.iter().filter_map(|name| name.parse::<u128>().ok()).max().unwrap_or(0);
                let upto = list.iter().filter(|name| name.parse::<u128>().is_ok_and(|name| name <= last));
                parts.push(upto.cloned().collect::<Vec<_>>());
                break;
            }
            parts.push(turn.own.clone());
            match turn.parent {
                Some(parent) => turn = self.turns.get(&parent).ok_or("broken")?,
                None => break,
            }
        }
        parts.reverse();
        Ok(parts.concat().join(" "))
    }
}

fn told(history: Result<Vec<crate::ledger::sessions::Item>, SessionError>) -> Result<String, &'static str> {
    match history {
        Ok(items) => Ok(names(&items)),
        Err(SessionError::NotFound) => Err("not found"),
        Err(SessionError::Broken) => Err("broken"),
        Err(error) => panic!("{error}"),
    }
}

async fn take(mut desk: Desk, model: &mut Model, step: &Step) -> Desk {
    let ada = desk.ada.id;
    match *step {
        Step::Turn(spot) => add_turn(&desk, model, spot).await,
        Step::Make => {
            let (id, first) = (model.next(), model.next().to_string());
            desk.conversation(id, &[&first]).await;
            model.conversations.insert(id, vec![first]);
            model.conversations_ever.push(id);
        }
        Step::Add(which) => {
            let id = Model::pick(&model.conversations_ever, which);
            let name = model.next().to_string();
            let added =
                desk.ledger().add_items(ada, ConversationId::from_bits(id), items(&[&name])).await.unwrap();
            assert_eq!(added, model.conversations.contains_key(&id));
            model.conversations.entry(id).and_modify(|list| list.push(name));
        }
        Step::DeleteTurn(which) => {
            let call = Model::pick(&model.turns_ever, which);
            let there = desk.ledger().delete_response(ada, CallId::from_bits(call)).await.unwrap();
            assert_eq!(there, model.turns.remove(&call).is_some());
        }
        Step::DeleteItem(which, item) => {
            let id = Model::pick(&model.conversations_ever, which);
            let list = model.conversations.get(&id).map_or(&[][..], Vec::as_slice);
            let name = if list.is_empty() { "zzz".to_owned() } else { list[item % list.len()].clone() };
            let there = desk.ledger().delete_item(ada, ConversationId::from_bits(id), &name).await.unwrap();
            assert_eq!(there, list.contains(&name));
            model.conversations.entry(id).and_modify(|list| list.retain(|one| *one != name));
        }
        Step::DeleteConversation(which) => {
            let id = Model::pick(&model.conversations_ever, which);
            let there = desk.ledger().delete_conversation(ada, ConversationId::from_bits(id)).await.unwrap();
            assert_eq!(there, model.conversations.remove(&id).is_some());
        }
        Step::Update(which, length) => {
            let id = Model::pick(&model.conversations_ever, which);
            let metadata = "m".repeat(length);
            let there = desk
                .ledger()
                .update_conversation(ada, ConversationId::from_bits(id), metadata)
                .await
                .unwrap();
            assert_eq!(there, model.conversations.contains_key(&id));
        }
        Step::RollUp => desk.ledger().roll_up().await.unwrap(),
        Step::Reopen => desk = desk.reopen().await,
    }
    desk
}

async fn add_turn(desk: &Desk, model: &mut Model, spot: Spot) {
    let (call, question, answer) = (model.next(), model.next().to_string(), model.next().to_string());
    let (place, parent, conversation) = match spot {
        Spot::Root => (Place::Root, None, None),
        Spot::After(which) => {
            let parent = Model::pick(&model.turns_ever, which);
            (after(parent), model.turns.contains_key(&parent).then_some(parent), None)
        }
        Spot::In(which) => {
            let id = Model::pick(&model.conversations_ever, which);
            (within(id), None, model.conversations.contains_key(&id).then_some(id))
        }
    };
    let turn: NewTurn = desk.turn(call, place, &[&question], &[&answer]);
    desk.settle(turn).await;
    let own = vec![question, answer];
    if let Some(list) = conversation.and_then(|id| model.conversations.get_mut(&id)) {
        list.extend_from_slice(&own);
    }
    model.turns.insert(call, Turn { parent, conversation, own });
    model.turns_ever.push(call);
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]

    #[test]
    fn the_store_is_its_model(steps in vec(steps(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let mut model = Model::default();
            let mut desk = Desk::open().await;
            for step in &steps {
                desk = take(desk, &mut model, step).await;
            }
            let (ledger, ada) = (desk.ledger(), desk.ada.id);
            for call in &model.turns_ever {
                let history = told(history(ledger, ada, after(*call), WIDE).await);
                prop_assert_eq!(history, model.history(*call), "after {}", call);
            }
            for id in &model.conversations_ever {
                let history = told(history(ledger, ada, within(*id), WIDE).await);
                let list = model.conversations.get(id).map(|list| list.join(" ")).ok_or("not found");
                prop_assert_eq!(history, list, "in {}", id);
            }
            // The audit finds the bytes of every session and account to be the sum of their rows.
            desk.close().await;
            Ok(())
        })?;
    }
}
