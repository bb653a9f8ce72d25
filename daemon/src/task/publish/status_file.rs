//! The status file: what every environment said last, as one JSON object by scope, replaced as a whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use naksha_executor::port::store::OutboxMessage;
use serde_json::Value;

use super::{NOTHING, SAID, Sayings};

/// See the module's head.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    /// The entries as they stand in the file, compact; absent until it was read.
    entries: Mutex<Option<BTreeMap<String, String>>>,
}

impl StatusFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path, entries: Mutex::default() }
    }

    /// Replaces the entries that the messages are about, and says of which there was something to write. Blocks on the
    /// disk.
    pub(super) fn write(&self, messages: &[OutboxMessage], sayings: &Sayings) -> io::Result<Vec<bool>> {
        // Entries are written whole; a panic elsewhere leaves them right.
        let mut known = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = match known.take() {
            Some(entries) => entries,
            None => self.read()?,
        };
        let mut enter = |message: &OutboxMessage| {
            let said = match message.body.as_str() {
                // Nothing is said of an environment that was forgotten.
                NOTHING => {
                    entries.remove(&message.topic);
                    return true;
                }
                SAID => sayings.of(&message.topic),
                body => Some(body.to_owned()),
            };
            said.map(|said| entries.insert(message.topic.clone(), said)).is_some()
        };
        let said = messages.iter().map(&mut enter).collect();
        let written = self.replace(&entries);
        *known = Some(entries);
        written.map(|()| said)
    }

    /// What an earlier process wrote. A file that somebody damaged is replaced: it is a copy of what the store knows.
    fn read(&self) -> io::Result<BTreeMap<String, String>> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        };
        let entries: BTreeMap<String, Value> = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(entries.into_iter().map(|(scope, status)| (scope, status.to_string())).collect())
    }

    fn replace(&self, entries: &BTreeMap<String, String>) -> io::Result<()> {
        let mut text = String::from("{");
        for (index, (scope, status)) in entries.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            // A line each, so that tools which read lines see which environment changed.
            let scope = Value::from(scope.as_str());
            write!(text, "{comma}\n  {scope}: {status}").expect("should write to a string");
        }
        text.push_str("\n}\n");
        let temporary = self.path.with_extension("tmp");
        let mut file = fs::File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)
    }
}
