//! The translation, from the outside: fixtures of every dialect, tables of edges, properties.

#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod completions;
mod completions_text;
#[cfg(test)]
mod embeddings;
#[cfg(test)]
mod messages_refused;
#[cfg(test)]
mod messages_request;
#[cfg(test)]
mod messages_stream;
#[cfg(test)]
mod pivot_answer;
#[cfg(test)]
mod pivot_broken;
#[cfg(test)]
mod pivot_chat;
#[cfg(test)]
mod pivot_leaks;
#[cfg(test)]
mod pivot_pieces;
#[cfg(test)]
mod pivot_session;
#[cfg(test)]
mod pivot_tag_values;
#[cfg(test)]
mod pivot_tags;
mod pivot_tags_unclosed;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod reply;
#[cfg(test)]
mod request;
#[cfg(test)]
mod request_properties;
#[cfg(test)]
mod request_size;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod session;
#[cfg(test)]
mod sse;
#[cfg(test)]
mod stream_rules;
#[cfg(test)]
mod stream_shapes;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod telling;
#[cfg(test)]
mod upstream_error;
