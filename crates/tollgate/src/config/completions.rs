//! Where a provider completes texts as they are: at OpenAI's older address, or where Hugging Face's own providers do.

use domain::ModelKind;

use super::base_url::BaseUrl;
use super::site::{INFERENCE_PROVIDER_DEFAULT, Site, split};

/// Hugging Face's own providers that complete texts, each with its path. `{model}` stands for the model. The router
/// itself has no `/v1/completions`; the providers are reached by paths of their own, as its client libraries do (the
/// task `text-generation` of `huggingface_hub` and `huggingface.js`).
const INFERENCE_PROVIDERS: [(&str, &str); 5] = [
    (INFERENCE_PROVIDER_DEFAULT, "/hf-inference/models/{model}/v1/completions"),
    ("deepinfra", "/deepinfra/v1/openai/completions"),
    ("featherless-ai", "/featherless-ai/v1/completions"),
    ("novita", "/novita/v3/openai/completions"),
    ("together", "/together/v1/completions"),
];

/// Where a provider completes texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionsKind {
    /// Nowhere: a prompt is sent to its chat, as the one message of a user.
    Chat,
    /// At `/completions` below its address, all its models.
    OpenAi,
    /// At the paths of Hugging Face's own providers, by the suffix of the model: base models, which do nothing else.
    HuggingFace,
}

impl CompletionsKind {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CompletionsKind::Chat => "chat",
            CompletionsKind::OpenAi => "openai",
            CompletionsKind::HuggingFace => "huggingface",
        }
    }

    /// Where `upstream_model`, which is of that kind, completes texts at the provider of that address; `None` when
    /// nowhere.
    #[must_use]
    pub fn site<'a>(
        self,
        base_url: &BaseUrl,
        upstream_model: &'a str,
        kind: Option<ModelKind>,
    ) -> Option<Site<'a>> {
        match self {
            CompletionsKind::OpenAi => Site::below(base_url, "/completions", upstream_model),
            CompletionsKind::HuggingFace if kind == Some(ModelKind::Completions) => {
                let (model, suffix) = split(upstream_model);
                let &found = INFERENCE_PROVIDERS.iter().find(|(name, _)| *name == suffix)?;
                Site::of_inference_provider(base_url, found, model)
            }
            _ => None,
        }
    }

    /// What a provider needs to complete texts with a model, for who asked for one that cannot.
    pub(super) fn needs(self) -> String {
        match self {
            CompletionsKind::HuggingFace => {
                let names = INFERENCE_PROVIDERS.map(|(name, _)| name).join(", ");
                format!("is served by none of Hugging Face's providers that complete texts: {names}")
            }
            _ => "needs a provider with completions = \"openai\" or \"huggingface\"".to_owned(),
        }
    }
}

pub(super) fn parse_completions(word: &str) -> Result<CompletionsKind, String> {
    let kinds = [CompletionsKind::Chat, CompletionsKind::OpenAi, CompletionsKind::HuggingFace];
    let known = kinds.into_iter().find(|kind| kind.as_str() == word);
    known.ok_or_else(|| format!("must be chat, openai or huggingface, not `{word}`"))
}

#[cfg(test)]
mod tests {
    use domain::ModelKind::{Chat, Completions};

    use super::BaseUrl;
    use super::CompletionsKind::{self, HuggingFace, OpenAi};

    #[test]
    fn each_model_has_its_site() {
        for (kind, made, asked, site) in [
            (OpenAi, Some(Chat), "m:x", Some(("http://h/v1/completions", "m:x"))),
            (OpenAi, None, "m", Some(("http://h/v1/completions", "m"))),
            (OpenAi, Some(Completions), "m", Some(("http://h/v1/completions", "m"))),
            (
                HuggingFace,
                Some(Completions),
                "openai-community/gpt2",
                Some((
                    "http://h/hf-inference/models/openai-community/gpt2/v1/completions",
                    "openai-community/gpt2",
                )),
            ),
            (
                HuggingFace,
                Some(Completions),
                "a/b:novita",
                Some(("http://h/novita/v3/openai/completions", "a/b")),
            ),
            (
                HuggingFace,
                Some(Completions),
                "a/b:deepinfra",
                Some(("http://h/deepinfra/v1/openai/completions", "a/b")),
            ),
            (HuggingFace, Some(Completions), "a/b:groq", None),
            (HuggingFace, Some(Completions), "a/../b", None),
            (HuggingFace, Some(Chat), "a/b", None),
            (HuggingFace, None, "a/b:together", None),
            (CompletionsKind::Chat, Some(Completions), "m", None),
        ] {
            let base = BaseUrl::parse("http://h/v1").unwrap();
            let found = kind.site(&base, asked, made);
            let found = found.as_ref().map(|site| (site.uri.to_string(), site.model));
            assert_eq!(found, site.map(|(uri, model)| (uri.to_owned(), model)), "{asked}");
        }
    }
}
