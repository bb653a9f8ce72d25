//! The command line: one file per command.
//!
//! Exit codes: 0 fine, 1 findings or changes that were asked about, 2 it could not be done.

mod ack;
mod backup;
mod check;
mod completion;
mod config;
mod daemon;
mod diff;
mod doctor;
mod events;
mod explain;
mod forget;
mod goal;
mod health;
mod history;
mod init;
mod inventory;
mod plan;
mod policy;
mod promote;
mod render;
mod schema;
mod show;
mod status;
mod suspend;
mod sync;
mod tree;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand};

use crate::config::{Config, Loaded, LogFormat, Overrides, Problem};
use crate::failure::code_of;
use crate::terminal::{Format, Terminal};

const EXIT_CODES: &str =
    "Exit codes: 0 fine, 1 findings, or changes that were asked about, 2 it could not be done";

const NO_MARKDOWN: &str =
    "error: only `plan` and `show` print markdown; --format (NAKSHA_FORMAT) is `text` or `json` here";

/// Turns what Git says into what runs: watches a repository, plans, applies, and reports.
#[derive(Debug, Parser)]
#[command(name = "naksha", version, about, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes. Flags win over environment variables, which win over the configuration file.
#[derive(Debug, Clone, ClapArgs)]
struct Global {
    /// Configuration file [default: naksha.toml, else /etc/naksha/naksha.toml]
    #[arg(long, global = true, env = "NAKSHA_CONFIG", value_name = "FILE", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// Folder of the daemon's state
    #[arg(long, global = true, env = "NAKSHA_STATE", value_name = "DIR", help_heading = "Global options")]
    state: Option<PathBuf>,
    /// The daemon's socket [default: <state>/naksha.sock]
    #[arg(long, global = true, env = "NAKSHA_SOCKET", value_name = "PATH", help_heading = "Global options")]
    socket: Option<PathBuf>,
    /// Log level, such as `info` or `info,naksha=debug`
    #[arg(long, global = true, env = "NAKSHA_LOG", value_name = "LEVEL", help_heading = "Global options")]
    log: Option<String>,
    /// Log format
    #[arg(
        long,
        global = true,
        env = "NAKSHA_LOG_FORMAT",
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    log_format: Option<LogFormat>,
    /// How to print results
    #[arg(
        long,
        global = true,
        env = "NAKSHA_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Global options"
    )]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a starter repository, or say what a forge needs
    Init(init::Init),
    /// Report everything that is wrong: definitions, what they render, what policies say
    Check(check::Check),
    /// Print the objects that an environment would have
    Render(render::Render),
    /// Show what would change
    Plan(plan::PlanCommand),
    /// Watch repositories and keep their environments applied
    Daemon(daemon::Daemon),
    /// Look over Git and forges as configured: rights, webhooks, protection, clocks
    Doctor(doctor::Doctor),
    /// Show every environment, and why something is not applied
    Status(status::Status),
    /// Show the objects of environments, what was made for them, their health, and why
    Tree(tree::Tree),
    /// List what happened to objects, and what the daemon did
    Events(events::Events),
    /// Show what is not as Git wants it, and who set what is there
    Diff(diff::Diff),
    /// List what was planned and applied
    History(history::History),
    /// Print a plan that was made
    Show(show::Show),
    /// Reconcile now
    Sync(sync::Sync),
    /// Stop writing to an environment
    Suspend(suspend::Suspend),
    /// Lift a suspension, a bar, or the hold after a rewritten history
    ///
    /// Says so where there is none of them. A held plan is lifted by `naksha ack`, or by a commit.
    Resume(suspend::Resume),
    /// Acknowledge a held plan
    Ack(ack::Ack),
    /// Give up an environment whose definition is gone
    Forget(forget::Forget),
    /// Recover what an environment owns
    Inventory(inventory::Inventory),
    /// Write an environment's lock into the working tree
    Promote(promote::Promote),
    /// Copy the daemon's database, also while it runs
    Backup(backup::Backup),
    /// Print the JSON Schema of a kind
    Schema(schema::Schema),
    /// Explain a code or a shipped rule
    Explain(explain::Explain),
    /// Judge the health of objects by their status
    Health(health::Health),
    /// Evaluate and test policies
    Policy(policy::PolicyCommand),
    /// Print a completion script for a shell
    Completion(completion::Completion),
    /// Play the whole loop in a scratch folder
    Demo(crate::demo::Demo),
    /// Show or describe the configuration
    Config(config::ConfigCommand),
    /// Render templates for a parent process, over standard input and output
    #[command(hide = true)]
    RenderWorker,
}

/// How a command ended, when it could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Fine,
    /// Findings, or changes that `--exit-code` asks about.
    Found,
}

/// Runs the program.
pub fn run(args: Args) -> ExitCode {
    let Args { global, command } = args;
    // Not left to clap, which takes an environment variable for an argument.
    let Some(command) = command else {
        let _ = write!(std::io::stderr().lock(), "{}", Args::command().render_help());
        return ExitCode::from(2);
    };
    if matches!(command, Command::RenderWorker) {
        return naksha_renderer_sandbox::worker_main();
    }
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let context = Context { terminal: Terminal::new(global.format), global };
    if lacks_format(&context, &command) {
        context.terminal.note(NO_MARKDOWN);
        return ExitCode::from(2);
    }
    match dispatch(&context, command) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Err(error) => {
            context.terminal.note(&said(&error));
            ExitCode::from(2)
        }
    }
}

/// Another format in the place of the one that was asked for would be taken for it.
fn lacks_format(context: &Context, command: &Command) -> bool {
    context.terminal.format == Format::Markdown && !matches!(command, Command::Plan(_) | Command::Show(_))
}

/// Why it could not be done, with the code that explains it where there is one.
fn said(error: &anyhow::Error) -> String {
    let Some((code, hint)) = code_of(error.as_ref()) else { return format!("error: {error:#}") };
    let hint = if hint.is_empty() { String::new() } else { format!("\n  = hint: {hint}") };
    format!("error[{code}]: {error:#}{hint}\n  = more: `naksha explain {code}`")
}

fn dispatch(context: &Context, command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Init(command) => command.run(context),
        Command::Check(command) => command.run(context),
        Command::Render(command) => command.run(context),
        Command::Plan(command) => command.run(context),
        Command::Daemon(command) => command.run(context),
        Command::Doctor(command) => command.run(context),
        Command::Status(command) => command.run(context),
        Command::Tree(command) => command.run(context),
        Command::Events(command) => command.run(context),
        Command::Diff(command) => command.run(context),
        Command::History(command) => command.run(context),
        Command::Show(command) => command.run(context),
        Command::Sync(command) => command.run(context),
        Command::Suspend(command) => command.run(context),
        Command::Resume(command) => command.run(context),
        Command::Ack(command) => command.run(context),
        Command::Forget(command) => command.run(context),
        Command::Inventory(command) => command.run(context),
        Command::Promote(command) => command.run(context),
        Command::Backup(command) => command.run(context),
        Command::Schema(command) => command.run(context),
        Command::Explain(command) => command.run(context),
        Command::Health(command) => command.run(context),
        Command::Policy(command) => command.run(context),
        Command::Completion(command) => command.run(context),
        Command::Demo(command) => command.run(context),
        Command::Config(command) => command.run(context),
        Command::RenderWorker => Ok(Outcome::Fine),
    }
}

/// What every command is given.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) terminal: Terminal,
    global: Global,
}

impl Context {
    /// The configuration: defaults, file, environment, flags.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        Ok(self.config_with(Overrides::default())?.config)
    }

    /// As [`Context::config`], with a command's own flags on top, and where each value came from.
    pub(crate) fn config_with(&self, overrides: Overrides) -> anyhow::Result<Loaded> {
        Ok(crate::config::load(self.global.config.as_deref(), &self.overrides(overrides))?)
    }

    /// Everything that is wrong with that configuration.
    pub(crate) fn config_problems(&self, overrides: Overrides) -> anyhow::Result<Vec<Problem>> {
        Ok(crate::config::inspect(self.global.config.as_deref(), &self.overrides(overrides))?)
    }

    fn overrides(&self, own: Overrides) -> Overrides {
        let Global { config: _, state, socket, log, log_format, format: _ } = self.global.clone();
        Overrides {
            state: state.or(own.state),
            socket: socket.or(own.socket),
            log_level: log.or(own.log_level),
            log_format: log_format.or(own.log_format),
            ..own
        }
    }

    /// The API of a running daemon.
    pub(crate) fn client(&self) -> anyhow::Result<crate::client::Client> {
        Ok(crate::client::Client::new(self.config()?.socket()))
    }
}

/// A reason that tells something.
pub(crate) fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("say why, for those who wonder later".to_owned());
    }
    Ok(text.to_owned())
}

/// Runs a future on a small runtime; for commands that talk to the daemon.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}
