//! The event log: one JSON object per line, which begins with the message's id, time and topic.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use jiff::Timestamp;
use naksha_executor::port::store::OutboxMessage;
use serde::Serialize;

/// What every event begins with; what happened follows.
#[derive(Serialize)]
struct Head<'a> {
    id: i64,
    at: Timestamp,
    topic: &'a str,
}

/// Adds a line per event. Blocks on the disk.
pub(super) fn append(path: &Path, messages: &[OutboxMessage]) -> io::Result<()> {
    let mut lines = Vec::new();
    for message in messages {
        write_line(&mut lines, message)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(&lines)?;
    file.sync_data()
}

/// The members of the body stand in the line as they are, without being read.
fn write_line(lines: &mut Vec<u8>, message: &OutboxMessage) -> io::Result<()> {
    let OutboxMessage { id, topic, body, at, sink: _, attempts: _ } = message;
    serde_json::to_writer(&mut *lines, &Head { id: *id, at: *at, topic })?;
    let members = body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or_default();
    if !members.is_empty() {
        lines.pop();
        lines.push(b',');
        lines.extend(members.as_bytes());
        lines.push(b'}');
    }
    lines.push(b'\n');
    Ok(())
}
