//! The worker's side: limits itself, says hello, then answers one job after the other until the pipe closes.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;

use naksha_renderer::template::{InProcess, TemplateEngine, TemplateFailure, TemplateJob, TemplateOutput};

use crate::frame::{self, FrameError, Hello, PROTOCOL};
use crate::limits::{self, SELF_DEADLINE, STACK_BYTES};

/// What a worker answers to a job.
pub(crate) type Answer = Result<TemplateOutput, TemplateFailure>;

enum Signal {
    Started,
    Finished,
}

/// The hidden subcommand `render-worker`: speaks [`frame`] on stdin and stdout and never returns before the
/// parent closes the pipe.
pub fn worker_main() -> ExitCode {
    // Threads first: afterwards none can be started.
    let (signals, received) = mpsc::channel();
    let watcher = thread::Builder::new().stack_size(64 << 10).spawn(move || watch(&received));
    let (go, gate) = mpsc::channel::<()>();
    let server = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        // Closed without a message when the limits could not be set.
        gate.recv().map_or(ExitCode::FAILURE, |()| serve(&signals))
    });
    let (Ok(_), Ok(server)) = (watcher, server) else {
        return ExitCode::FAILURE;
    };
    let enforced = limits::enforce();
    let hello = Hello { naksha_render_worker: PROTOCOL, enforced: enforced.set, missing: enforced.missing };
    if frame::write(&mut io::stdout().lock(), &hello).is_err() || go.send(()).is_err() {
        return ExitCode::FAILURE;
    }
    server.join().unwrap_or(ExitCode::FAILURE)
}

fn serve(signals: &Sender<Signal>) -> ExitCode {
    let engine = InProcess::new();
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    loop {
        match answer_one(&engine, &mut input, &mut output, signals) {
            Ok(()) => {}
            // The parent is done with us.
            Err(FrameError::Closed) => return ExitCode::SUCCESS,
            Err(_) => return ExitCode::FAILURE,
        }
    }
}

fn answer_one(
    engine: &InProcess,
    input: &mut impl Read,
    output: &mut impl Write,
    signals: &Sender<Signal>,
) -> Result<(), FrameError> {
    let job: TemplateJob = frame::read(input)?;
    let _ = signals.send(Signal::Started);
    let answer: Answer = engine.render(&job);
    let _ = signals.send(Signal::Finished);
    frame::write(output, &answer)
}

/// Ends the process when one job takes longer than any parent that still lives would have let it.
fn watch(signals: &mpsc::Receiver<Signal>) {
    while let Ok(signal) = signals.recv() {
        if matches!(signal, Signal::Started)
            && matches!(signals.recv_timeout(SELF_DEADLINE), Err(RecvTimeoutError::Timeout))
        {
            std::process::exit(1);
        }
    }
}
