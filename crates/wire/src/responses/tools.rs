//! Tools, and which of them the model may call.

/// What becomes of hosted tools, which no upstream has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostedTools {
    /// They are refused.
    Refuse,
    /// Those that coding agents offer with every request (`web_search`, `local_shell`, `tool_search`) are left out when
    /// they stand beside functions: such a client works without them. All others are refused: a client that asks for
    /// `file_search` would take an answer without it for one with it.
    #[default]
    DropHabitual,
    /// They are left out.
    Drop,
}
