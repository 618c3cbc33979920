//! The dialects and the providers, as rows. What the rows say is what was seen in the field, not what is documented.

use super::{Cached, Dialect, ErrorShape, Fields, Role, Thoughts, ToolId, Tools, UsagePlace};
use crate::vocabulary::DialectName;

/// Provider id, dialect, output cap for requests that name none.
pub(super) const PROVIDERS: [(&str, DialectName, Option<usize>); 17] = [
    ("baseten", DialectName::Sglang, Some(4096)),
    ("cerebras", DialectName::Cerebras, None),
    ("cohere", DialectName::Vllm, None),
    ("deepinfra", DialectName::Vllm, None),
    ("featherless-ai", DialectName::Featherless, None),
    ("fireworks-ai", DialectName::Fireworks, None),
    ("groq", DialectName::Groq, None),
    ("hf-inference", DialectName::Tgi, None),
    ("novita", DialectName::DeepSeek, None),
    ("nscale", DialectName::Vllm, None),
    ("ovhcloud", DialectName::Vllm, None),
    ("publicai", DialectName::Sglang, None),
    ("scaleway", DialectName::Vllm, None),
    ("together", DialectName::Together, Some(2048)),
    ("zai-org", DialectName::DeepSeek, None),
    ("llamacpp", DialectName::LlamaCpp, None),
    ("transformers", DialectName::Transformers, None),
];

const SSE: &str = "text/event-stream";
const SSE_UTF8: &str = "text/event-stream; charset=utf-8";

/// The common case, which the rows below differ from.
const PLAIN: Dialect = Dialect {
    name: DialectName::Vllm,
    content_type: SSE_UTF8,
    id_prefix: Some("chatcmpl-"),
    role: Role::Opening,
    thoughts: Thoughts::Reasoning,
    nulls: false,
    tools: Tools::Fragments,
    tool_id: ToolId::Prefixed("call_"),
    tool_finish: "tool_calls",
    usage: UsagePlace::Separate,
    usage_always: false,
    cached: Cached::Details,
    done: true,
    done_after_error: false,
    errors: ErrorShape::Nested,
    fields: Fields::Any,
};

pub(super) const DIALECTS: [Dialect; 11] = [
    Dialect {
        tool_id: ToolId::Prefixed("chatcmpl-tool-"),
        nulls: true,
        cached: Cached::Null,
        done_after_error: true,
        errors: ErrorShape::NestedNumber,
        ..PLAIN
    },
    Dialect { name: DialectName::Groq, content_type: SSE, tools: Tools::Whole, ..PLAIN },
    Dialect {
        name: DialectName::Together,
        content_type: SSE_UTF8,
        id_prefix: Some("oSim"),
        errors: ErrorShape::NestedId,
        ..PLAIN
    },
    Dialect {
        name: DialectName::Fireworks,
        content_type: SSE,
        thoughts: Thoughts::ReasoningContent,
        usage_always: true,
        errors: ErrorShape::NestedRequestId,
        ..PLAIN
    },
    Dialect {
        name: DialectName::DeepSeek,
        thoughts: Thoughts::ReasoningContent,
        usage: UsagePlace::Finish,
        usage_always: true,
        cached: Cached::HitMiss,
        errors: ErrorShape::NumericText,
        ..PLAIN
    },
    Dialect {
        name: DialectName::Featherless,
        thoughts: Thoughts::Inline,
        tools: Tools::Whole,
        cached: Cached::Flat,
        ..PLAIN
    },
    Dialect {
        name: DialectName::Cerebras,
        tools: Tools::Whole,
        cached: Cached::Untold,
        errors: ErrorShape::Flat,
        fields: Fields::AllBut(&["store", "metadata", "service_tier", "prediction"]),
        ..PLAIN
    },
    Dialect {
        name: DialectName::Tgi,
        content_type: SSE,
        id_prefix: None,
        role: Role::Every,
        thoughts: Thoughts::ReasoningContent,
        nulls: true,
        tool_id: ToolId::Position,
        tool_finish: "stop",
        cached: Cached::Untold,
        done_after_error: true,
        errors: ErrorShape::Typed,
        ..PLAIN
    },
    Dialect {
        name: DialectName::Sglang,
        content_type: SSE,
        thoughts: Thoughts::ReasoningContent,
        nulls: true,
        errors: ErrorShape::FlatObject,
        ..PLAIN
    },
    Dialect {
        name: DialectName::LlamaCpp,
        content_type: SSE,
        thoughts: Thoughts::ReasoningContent,
        tool_id: ToolId::Random,
        cached: Cached::Untold,
        errors: ErrorShape::LlamaCpp,
        ..PLAIN
    },
    Dialect {
        name: DialectName::Transformers,
        content_type: SSE,
        thoughts: Thoughts::ReasoningContent,
        usage: UsagePlace::Finish,
        usage_always: true,
        cached: Cached::Untold,
        done: false,
        errors: ErrorShape::Detail,
        fields: Fields::Only(&[
            "model",
            "messages",
            "stream",
            "stream_options",
            "max_tokens",
            "max_completion_tokens",
            "temperature",
            "top_p",
            "seed",
            "stop",
            "n",
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "logprobs",
            "top_logprobs",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "response_format",
            "user",
            "store",
            "metadata",
            "reasoning_effort",
            "modalities",
            "service_tier",
            "generation_config",
        ]),
        ..PLAIN
    },
];
