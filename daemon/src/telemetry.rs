//! Logs: tracing to standard error, as text for people or JSON lines for machines.

use std::io::IsTerminal as _;

use tracing::error;
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LogConfig, LogFormat};

/// Installs the logger; a second call (tests in one process) changes nothing. Panics are logged like
/// everything else, not as bare text between lines of JSON.
pub fn install(config: &LogConfig) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.level)
        .map_err(|error| ConfigError::Invalid(format!("log level `{}`: {error}", config.level)))?;
    let colour =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    let installed = match config.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(installed);
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(error = panic.payload_as_str(), place, thread = std::thread::current().name(), "panic");
    }));
    Ok(())
}
