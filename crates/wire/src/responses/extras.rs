//! What a request carries for the response object alone.

/// Characters of a function's name, as at OpenAI, whose rule upstreams follow.
const NAME_CHARS_MAX: usize = 64;

/// Characters that stay of a name that does not fit: an underscore and eight digits follow.
const START_CHARS: usize = NAME_CHARS_MAX - 9;

/// What only the response object shows. The default is what a call of another dialect shows.
///
/// JSON is kept as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extras {
    /// `metadata`, a JSON object.
    pub metadata: Option<String>,
    /// `text.verbosity`.
    pub verbosity: Option<String>,
    /// `reasoning.summary`. With one, the reasoning is told as a summary, which is what clients show.
    pub summary: Option<String>,
    /// `safety_identifier`.
    pub safety_identifier: Option<String>,
    /// `prompt_cache_key`.
    pub prompt_cache_key: Option<String>,
    /// `max_tool_calls`.
    pub max_tool_calls: Option<u64>,
    /// `parallel_tool_calls`, where the client said.
    pub parallel_tool_calls: Option<bool>,
    /// `tools`, a JSON array. Without it the object shows the tools of the request's settings.
    pub tools: Option<String>,
    /// `tool_choice`, JSON. Without it the object shows the choice of the request's settings.
    pub tool_choice: Option<String>,
    /// The functions that the client knows within a namespace.
    pub namespaced: Vec<Namespaced>,
    /// Whether `truncation` is `auto`.
    pub truncate: bool,
    /// Whether the response is stored.
    pub store: bool,
    /// Whether the response is made in the background.
    pub background: bool,
}

impl Default for Extras {
    fn default() -> Extras {
        Extras {
            metadata: None,
            verbosity: None,
            summary: None,
            safety_identifier: None,
            prompt_cache_key: None,
            max_tool_calls: None,
            parallel_tool_calls: None,
            tools: None,
            tool_choice: None,
            namespaced: Vec::new(),
            truncate: false,
            store: true,
            background: false,
        }
    }
}

/// A function that the client knows within a namespace. Upstreams know no namespaces, so they are told one flat name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaced {
    /// The namespace.
    pub namespace: String,
    /// The function's name in it.
    pub name: String,
}

impl Namespaced {
    /// The name that upstreams are told, and that the pivot has: `namespace__name`. Where upstreams would refuse that,
    /// because it is too long or has other characters, its start and a hash.
    #[must_use]
    pub fn flat(&self) -> String {
        let flat = format!("{}__{}", self.namespace, self.name);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if flat.len() <= NAME_CHARS_MAX && flat.chars().all(fits) {
            return flat;
        }
        let start: String = flat.chars().map(|c| if fits(c) { c } else { '_' }).take(START_CHARS).collect();
        format!("{start}_{:08x}", fnv1a(flat.as_bytes()))
    }
}

/// The hash FNV-1a. It must stay the same for ever: it is a part of names in stored histories.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
