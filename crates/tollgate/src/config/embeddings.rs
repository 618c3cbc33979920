//! Where a provider makes embeddings: at OpenAI's address, or where Hugging Face's own providers do.

use wire::embeddings::Form;

use super::base_url::BaseUrl;
use super::site::{INFERENCE_PROVIDER_DEFAULT, Site, split};

/// Hugging Face's own providers that make embeddings, each with its path and form. `{model}` stands for the model.
/// The router has no `/v1/embeddings`; the providers are reached by paths of their own (fact sheet of the router, 1.1).
const INFERENCE_PROVIDERS: [(&str, &str, Form); 4] = [
    (INFERENCE_PROVIDER_DEFAULT, "/hf-inference/models/{model}/pipeline/feature-extraction", Form::Task),
    ("together", "/together/v1/embeddings", Form::OpenAi),
    ("scaleway", "/scaleway/v1/embeddings", Form::OpenAi),
    ("deepinfra", "/deepinfra/v1/openai/embeddings", Form::OpenAi),
];

/// Where a provider makes embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingsKind {
    /// At `/embeddings` below its address.
    OpenAi,
    /// At the paths of Hugging Face's own providers, by the suffix of the model.
    HuggingFace,
}

impl EmbeddingsKind {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EmbeddingsKind::OpenAi => "openai",
            EmbeddingsKind::HuggingFace => "huggingface",
        }
    }

    /// Where the embeddings of `upstream_model` are made at the provider of that address, and how texts are taken and
    /// vectors given there; `None` when nowhere.
    #[must_use]
    pub fn site<'a>(self, base_url: &BaseUrl, upstream_model: &'a str) -> Option<(Site<'a>, Form)> {
        if self == EmbeddingsKind::OpenAi {
            return Some((Site::below(base_url, "/embeddings", upstream_model)?, Form::OpenAi));
        }
        let (model, suffix) = split(upstream_model);
        let &(name, path, form) = INFERENCE_PROVIDERS.iter().find(|(name, ..)| *name == suffix)?;
        Some((Site::of_inference_provider(base_url, (name, path), model)?, form))
    }
}

/// Hugging Face's own providers that make embeddings.
pub(super) fn inference_providers() -> String {
    INFERENCE_PROVIDERS.map(|(name, ..)| name).join(", ")
}

pub(super) fn parse_embeddings(word: &str) -> Result<EmbeddingsKind, String> {
    let kinds = [EmbeddingsKind::OpenAi, EmbeddingsKind::HuggingFace];
    let known = kinds.into_iter().find(|kind| kind.as_str() == word);
    known.ok_or_else(|| format!("must be openai or huggingface, not `{word}`"))
}

#[cfg(test)]
mod tests {
    use super::EmbeddingsKind::{HuggingFace, OpenAi};
    use super::{BaseUrl, Form};

    #[test]
    fn each_model_has_its_site() {
        let task = "/hf-inference/models/BAAI/bge-m3/pipeline/feature-extraction";
        for (kind, base, asked, site) in [
            (OpenAi, "http://h/v1", "m:x", Some(("http://h/v1/embeddings", "m:x", Form::OpenAi))),
            (
                HuggingFace,
                "http://h/v1",
                "BAAI/bge-m3",
                Some((&*format!("http://h{task}"), "BAAI/bge-m3", Form::Task)),
            ),
            (
                HuggingFace,
                "http://h/a",
                "BAAI/bge-m3:hf-inference",
                Some((&*format!("http://h/a{task}"), "BAAI/bge-m3", Form::Task)),
            ),
            (
                HuggingFace,
                "http://h/v1",
                "bge:together",
                Some(("http://h/together/v1/embeddings", "bge", Form::OpenAi)),
            ),
            (
                HuggingFace,
                "http://h/v1",
                "bge:scaleway",
                Some(("http://h/scaleway/v1/embeddings", "bge", Form::OpenAi)),
            ),
            (
                HuggingFace,
                "http://h/v1",
                "a/b:deepinfra",
                Some(("http://h/deepinfra/v1/openai/embeddings", "a/b", Form::OpenAi)),
            ),
            (
                HuggingFace,
                "http://h/v1",
                "a?b#c",
                Some((
                    "http://h/hf-inference/models/a%3Fb%23c/pipeline/feature-extraction",
                    "a?b#c",
                    Form::Task,
                )),
            ),
            (HuggingFace, "http://h/v1", "a/b:groq", None),
            (HuggingFace, "http://h/v1", "a/../b", None),
            (HuggingFace, "http://h/v1", "", None),
        ] {
            let base = BaseUrl::parse(base).unwrap();
            let found = kind.site(&base, asked);
            let found = found.as_ref().map(|(site, form)| (site.uri.to_string(), site.model, *form));
            assert_eq!(found, site.map(|(uri, model, form)| (uri.to_owned(), model, form)), "{asked}");
        }
    }
}
