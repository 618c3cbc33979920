//! Where the providers have a task of their own: `hf-inference` below the model's path, others at one path each.

use serde::Deserialize;

use crate::refusal::Refusal;
use crate::rules::Occasion;

const IN_PATH: &str = "hf-inference";
const MODEL_BEGIN: &str = "/hf-inference/models/";

/// The paths of one task.
pub(super) struct Task {
    /// What follows the model's path at `hf-inference`.
    pub(super) model_end: &'static str,
    /// The other providers, each with its path; the model stands in the body.
    pub(super) others: &'static [(&'static str, &'static str)],
}

/// One provider's path of a task.
pub(super) struct Place<'a> {
    path: &'a str,
    pub(super) provider: &'static str,
    model: Option<&'a str>,
}

impl Task {
    /// Which provider has the task at this path, if one has.
    pub(super) fn place<'a>(&self, path: &'a str) -> Option<Place<'a>> {
        // The slashes of a model's id need no escape.
        let inside = path.strip_prefix(MODEL_BEGIN).and_then(|rest| rest.strip_suffix(self.model_end));
        if let Some(model) = inside.filter(|model| !model.is_empty()) {
            return Some(Place { path, provider: IN_PATH, model: Some(model) });
        }
        let (provider, _) = self.others.iter().find(|(_, route)| *route == path)?;
        Some(Place { path, provider, model: None })
    }
}

impl Place<'_> {
    /// Whether the path names the model; what the body says of it is not read then.
    pub(super) fn names_model(&self) -> bool {
        self.model.is_some()
    }

    /// The model that is asked for.
    pub(super) fn model(&self, body: &[u8]) -> Result<String, Refusal> {
        #[derive(Deserialize)]
        struct Named {
            model: String,
        }
        match self.model {
            Some(model) => Ok(model.to_owned()),
            None => {
                let named: Named = serde_json::from_slice(body).map_err(|error| bad_body(&error))?;
                Ok(named.model)
            }
        }
    }

    /// What a script's condition looks at; `message` is the text that may carry directives.
    pub(super) fn occasion<'b>(&'b self, model: &'b str, message: &'b str) -> Occasion<'b> {
        Occasion { path: self.path, is_call: true, model, provider: self.provider, message }
    }

    /// The router's refusal of a model that this provider does not have for the task.
    pub(super) fn not_mapped(&self, model: &str) -> Refusal {
        Refusal::NotMapped { asked: model.to_owned(), provider: self.provider.to_owned() }
    }
}

/// The router's refusal of a body that it cannot read.
pub(super) fn bad_body(error: &serde_json::Error) -> Refusal {
    Refusal::BadRequest { message: format!("Invalid request body: {error}"), param: None }
}
