//! The routing model's answer: the route whose words fit the latest user message best, as `{"route": "name"}`.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Route {
    name: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Turn {
    role: String,
    #[serde(default)]
    content: Value,
}

/// `None` when this is not the routing model or the prompt is not a routing prompt.
pub(super) fn answer(model_id: &str, prompt: &str) -> Option<String> {
    if !model_id.contains("Arch-Router") {
        return None;
    }
    let routes: Vec<Route> = serde_json::from_str(inside(prompt, "routes")?).ok()?;
    let turns: Vec<Turn> = serde_json::from_str(inside(prompt, "conversation")?).ok()?;
    let latest = turns.iter().rfind(|turn| turn.role == "user")?.content.as_str()?;
    let asked = words(latest);
    let scored = routes.iter().map(|route| {
        let about = words(&format!("{} {}", route.name, route.description));
        (about.intersection(&asked).count(), route)
    });
    let best = scored.rev().max_by_key(|(score, _)| *score).filter(|(score, _)| *score > 0);
    Some(json!({ "route": best.map_or("other", |(_, route)| &route.name) }).to_string())
}

fn inside<'a>(prompt: &'a str, tag: &str) -> Option<&'a str> {
    let (_, after) = prompt.rsplit_once(&format!("<{tag}>\n"))?;
    Some(after.split_once(&format!("</{tag}>"))?.0.trim())
}

/// Words of at least four letters, lower-case; shorter ones say little.
fn words(text: &str) -> HashSet<String> {
    let split = text.split(|letter: char| !letter.is_alphanumeric());
    split.filter(|word| word.chars().count() >= 4).map(str::to_lowercase).collect()
}
