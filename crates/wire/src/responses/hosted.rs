//! Hosted tools, which the server of the API would run itself, and which no upstream has.

use crate::request_error::RequestError;

/// Types of hosted tools that are left out of one request; there are about 15.
const KINDS_MAX: usize = 32;

/// Characters of the type of a hosted tool; the longest has 21.
const KIND_CHARS_MAX: usize = 64;

/// The hosted tools that coding agents offer with every request, by the start of their types.
const USUAL: [&str; 3] = ["web_search", "local_shell", "tool_search"];

/// The starts of the types of items that belong to hosted tools.
const HOSTED_ITEMS: [&str; 13] = [
    "apply_patch_call",
    "code_interpreter_call",
    "computer_call",
    "file_search_call",
    "image_generation_call",
    "local_shell_call",
    "mcp_approval_",
    "mcp_call",
    "mcp_list_tools",
    "shell_call",
    "tool_search_call",
    "tool_search_output",
    "web_search_call",
];

/// What becomes of hosted tools, which no upstream has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostedTools {
    /// They are refused.
    Refuse,
    /// Those that coding agents offer with every request (`web_search`, `local_shell`, `tool_search`) are left out when
    /// they stand beside functions: such a client works without them. All others are refused: a client that asks for
    /// `file_search` would take an answer without it for one with it.
    #[default]
    DropUsual,
    /// They are left out.
    Drop,
}

/// The hosted tools and items that are left out.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    pub(super) kinds: Vec<String>,
    /// The first tool that is left out only because it stands beside functions.
    only_beside: Option<(String, String)>,
}

impl Dropped {
    /// Leaves out an item of a hosted tool, or refuses it.
    pub(super) fn item(&mut self, hosted: HostedTools, kind: &str, param: &str) -> Result<(), RequestError> {
        if !self.may_go(hosted, kind) {
            let kind = shortened(kind);
            let message = format!("'{param}' is of the type '{kind}', of a tool that is not available here");
            return Err(RequestError::new("unsupported_item", param, message));
        }
        self.note(kind);
        Ok(())
    }

    /// Leaves out a tool, or refuses it.
    pub(super) fn tool(&mut self, hosted: HostedTools, kind: &str, param: &str) -> Result<(), RequestError> {
        if !self.may_go(hosted, kind) {
            return Err(unsupported_tool(kind, param));
        }
        if hosted == HostedTools::DropUsual && self.only_beside.is_none() {
            self.only_beside = Some((kind.to_owned(), param.to_owned()));
        }
        self.note(kind);
        Ok(())
    }

    /// Refuses the tool that was left out only because it would stand beside functions: there are none.
    pub(super) fn refuse_alone(&mut self) -> Result<(), RequestError> {
        match self.only_beside.take() {
            Some((kind, param)) => Err(unsupported_tool(&kind, &param)),
            None => Ok(()),
        }
    }

    /// Whether something of this type may be left out. What is left out is told in a header, so it must fit one.
    fn may_go(&self, hosted: HostedTools, kind: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if kind.len() > KIND_CHARS_MAX || !kind.bytes().all(plain) || self.kinds.len() == KINDS_MAX {
            return false;
        }
        match hosted {
            HostedTools::Refuse => false,
            HostedTools::DropUsual => USUAL.iter().any(|start| kind.starts_with(start)),
            HostedTools::Drop => true,
        }
    }

    fn note(&mut self, kind: &str) {
        if !self.kinds.iter().any(|known| known == kind) {
            self.kinds.push(kind.to_owned());
        }
    }
}

/// Whether `kind` is the type of an item that belongs to a hosted tool.
pub(super) fn is_hosted_item(kind: &str) -> bool {
    HOSTED_ITEMS.iter().any(|start| kind.starts_with(start))
}

/// The refusal of a tool of this type.
pub(super) fn unsupported_tool(kind: &str, param: &str) -> RequestError {
    let kind: String = kind.chars().take(64).collect();
    let message =
        format!("the tool '{kind}' is not available here: only 'function', 'custom' and 'namespace' are");
    RequestError::new("unsupported_tool", param, message)
}

fn shortened(kind: &str) -> String {
    kind.chars().take(KIND_CHARS_MAX).collect()
}
