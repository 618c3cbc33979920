//! The words that a script's values are made of.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $word:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum $name { $($(#[$what])* $word,)+ }
    };
}

words! {
    /// The shape of an error body.
    ErrorBody {
        /// The provider's own shape.
        Dialect,
        /// `{"error":{message,type,param,code}}`
        Json,
        /// `{message,type,param,code}`
        Flat,
        /// `{"error":"text"}`
        String,
        /// `{"detail":"text"}`
        Detail,
        /// `{"message":"upstream provider failed","reason":"timeout"}`
        Reason,
        /// A load balancer's page.
        Html,
        /// Nothing.
        Empty,
        /// `{"error":"Model … is currently loading","estimated_time":118.03}`
        Cold,
        /// Four mebibytes of text.
        Huge,
    }
}

words! {
    /// Where an answer hangs.
    Hang {
        /// Before the status line.
        Headers,
        /// After the headers, before the first byte of the body.
        Body,
    }
}

words! {
    /// The shape of an error inside a stream.
    StreamError {
        /// The provider's own shape.
        Dialect,
        /// `{"error":"text","error_type":"generation"}`
        String,
        /// `{"error":{message,type,param,code}}`
        Object,
    }
}

words! {
    /// Where and how token counts are told.
    UsageFault {
        /// Not at all.
        None,
        /// Always, in a chunk of their own.
        Separate,
        /// Always, on the chunk with the finish reason.
        Finish,
        /// Always, inside `choices[0]`.
        Choice,
        /// With a flat `cached_tokens`.
        FlatCached,
        /// Negative numbers.
        LyingNegative,
        /// Numbers beyond 2^53.
        LyingHuge,
        /// On every chunk, growing.
        Growing,
        /// Told twice, the second time doubled.
        Twice,
        /// A total that is not the sum, and more cached than prompt tokens.
        Inconsistent,
        /// With fractions.
        Float,
        /// As strings.
        String,
        /// `"usage":null` instead of numbers.
        Null,
    }
}

words! {
    /// When `delta.role` is sent.
    RoleFault {
        /// On every chunk.
        Every,
        /// On the first chunk.
        First,
        /// Never.
        None,
    }
}

words! {
    /// How tools are called.
    ToolFault {
        /// Not: text even though tools were sent.
        None,
        /// The whole call in one chunk.
        Whole,
        /// A header chunk, then fragments of the arguments.
        Fragments,
        /// Without `id`.
        NoId,
        /// Without `index`.
        NoIndex,
        /// Two calls.
        Parallel,
        /// With `"arguments":""`.
        EmptyArgs,
        /// With arguments that are not JSON.
        BadArgs,
        /// As a chat template's own markers inside `content`.
        Leak,
        /// As `<tool_call>` markup inside the reasoning.
        Xml,
    }
}

words! {
    /// How the bytes are split over writes.
    Split {
        /// One byte per write, so also inside a code point.
        Byte,
        /// At seeded random places, also across events.
        Random,
    }
}

words! {
    /// Something that does not belong in a stream.
    Garbage {
        /// A `data:` line whose JSON is broken.
        Json,
        /// A `data:` line that is not UTF-8.
        Utf8,
        /// A `data:` line of two mebibytes.
        Line,
        /// An empty `data:` line.
        Blank,
        /// Unknown fields: `event:`, `id:`, `retry:` and a line without a colon.
        Fields,
        /// An event after `[DONE]`.
        AfterDone,
        /// `[DONE]` twice.
        DoneTwice,
    }
}

/// A kind of provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DialectName {
    /// `reasoning`, whole tool calls, `x_groq`, queue times in the usage.
    Groq,
    /// `reasoning`, `token_id`, an `id` beside the error.
    Together,
    /// `reasoning_content`, usage always sent, `request_id` beside the error.
    Fireworks,
    /// DeepSeek and Z.ai: `reasoning_content`, usage on the finish chunk, numeric strings as error codes.
    #[serde(alias = "zai")]
    DeepSeek,
    /// Thinks inline, flat `cached_tokens`.
    Featherless,
    /// Refuses fields it does not know; flat errors.
    Cerebras,
    /// Text Generation Inference: the role on every chunk, empty ids, nulls, `error_type`.
    Tgi,
    /// `reasoning`, nested errors with a number as code.
    Vllm,
    /// `reasoning_content`, un-nested errors.
    Sglang,
    /// llama.cpp's server: `timings`, random tool-call ids.
    LlamaCpp,
    /// `transformers serve`: no `[DONE]`, usage on the finish chunk, 422 for unknown fields.
    Transformers,
}
