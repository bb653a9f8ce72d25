//! Hostile templates and hostile workers, with real processes.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use naksha_renderer::template::{
    InProcess, ProblemKind, TemplateEngine, TemplateFailure, TemplateJob, TemplateSource,
};
use naksha_renderer_sandbox::{Error, MEMORY_LIMIT_BYTES, Workers, WorkersConfig};

fn config() -> WorkersConfig {
    let command = PathBuf::from(env!("CARGO_BIN_EXE_naksha-render-worker-test"));
    let size = NonZeroUsize::MIN.saturating_add(1);
    // The deadline has tests of its own; the other limits must be met first, on a busy machine too.
    let deadline = Duration::from_mins(1);
    WorkersConfig { size, deadline, ..WorkersConfig::new(command, Vec::new()) }
}

fn shell(script: &str) -> WorkersConfig {
    let arguments = [OsString::from("-c"), OsString::from(script)];
    WorkersConfig { command: PathBuf::from("/bin/sh"), arguments: arguments.into(), ..config() }
}

fn job(text: &str) -> TemplateJob {
    let source = TemplateSource { name: "a.yaml".to_owned(), text: text.to_owned() };
    TemplateJob {
        sources: vec![source],
        entries: 1,
        context: serde_json::json!({"variables": {"name": "web"}}),
    }
}

/// The pool still serves an honest unit.
fn assert_alive(workers: &Workers) {
    let output = workers.render(&job("name: {{ variables.name }}"));
    assert_eq!(output.map(|output| output.files), Ok(vec![Ok("name: web".to_owned())]));
}

#[test]
fn a_worker_renders_what_the_language_renders() {
    let workers = Workers::start(config()).unwrap();
    for text in
        ["name: {{ variables.name }}", "{{ variables.nmae }}", "{% if %}", "{{ variables.name | qoute }}"]
    {
        assert_eq!(workers.render(&job(text)), InProcess::new().render(&job(text)), "{text}");
    }
}

#[test]
fn an_endless_loop_costs_its_deadline_only() {
    let loops = "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% for c in range(end=100000) %}\
                 {% endfor %}{% endfor %}{% endfor %}";
    let workers = Workers::start(WorkersConfig { deadline: Duration::from_millis(300), ..config() }).unwrap();
    assert_eq!(workers.render(&job(loops)), Err(TemplateFailure::Time { limit_ms: 300 }));
    let workers = Workers::start(config()).unwrap();
    assert_alive(&workers);
}

#[test]
fn memory_bombs_end_their_worker_only() {
    let workers = Workers::start(config()).unwrap();
    let doubling =
        "{% set s = '0123456789abcdef' %}{% for i in range(end=60) %}{% set_global s = s ~ s %}{% endfor %}";
    let captured = "{% set s %}{% for a in range(end=100000) %}{% for b in range(end=100000) %}0123456789abcdef\
                    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef{% endfor %}{% endfor %}\
                    {% endset %}";
    for bomb in [doubling, captured] {
        assert_eq!(
            workers.render(&job(bomb)),
            Err(TemplateFailure::Memory { limit_bytes: MEMORY_LIMIT_BYTES })
        );
        assert_alive(&workers);
    }
}

#[test]
fn too_much_text_is_refused_by_the_worker() {
    let workers = Workers::start(config()).unwrap();
    let bomb =
        "{% for a in range(end=100000) %}{% for b in range(end=1000) %}0123456789{% endfor %}{% endfor %}";
    let output = workers.render(&job(bomb)).unwrap();
    assert_eq!(output.files[0].as_ref().unwrap_err().kind, ProblemKind::OutputLimit);
    assert_alive(&workers);
}

#[test]
fn bombs_from_many_threads_leave_the_pool_whole() {
    let workers = Workers::start(config()).unwrap();
    let bomb =
        job("{% set s = '0123456789' %}{% for i in range(end=60) %}{% set_global s = s ~ s %}{% endfor %}");
    std::thread::scope(|scope| {
        for index in 0..8 {
            let (workers, bomb) = (&workers, &bomb);
            scope.spawn(move || {
                if index % 2 == 0 {
                    assert!(matches!(workers.render(bomb), Err(TemplateFailure::Memory { .. })));
                } else {
                    assert_alive(workers);
                }
            });
        }
    });
    assert_alive(&workers);
}

#[test]
fn a_program_that_is_no_worker_is_a_clear_error() {
    let reason = |config: WorkersConfig| match Workers::start(config) {
        Err(Error::Worker { reason, .. }) => reason,
        other => panic!("it should not start: {other:?}"),
    };
    let missing = WorkersConfig { command: PathBuf::from("/nonexistent/naksha"), ..config() };
    assert_eq!(reason(missing), "it cannot be run: No such file or directory (os error 2)");
    assert_eq!(reason(shell("exit 3")), "it did not say hello: it ended with exit status: 3");
    assert!(reason(shell("echo usage: naksha COMMAND")).starts_with("it did not say hello: a message of "));
    let old = r#"printf '\000\000\000\065{"naksha_render_worker":0,"enforced":[],"missing":[]}'"#;
    assert_eq!(reason(shell(old)), "it speaks version 0 of the protocol, and this program speaks 1");
}

#[test]
fn a_worker_that_answers_garbage_is_replaced_and_reported() {
    let hello = r#"printf '\000\000\000\065{"naksha_render_worker":1,"enforced":[],"missing":[]}'"#;
    let cases = [
        ("printf '\\000\\000\\000\\002no'; read line", "a message is not what was expected"),
        ("printf 'no such job'; read line", "a message of "),
        ("exit 7", "it ended with exit status: 7"),
    ];
    for (then, expected) in cases {
        let workers = Workers::start(shell(&format!("{hello}; {then}"))).unwrap();
        let Err(TemplateFailure::Engine { reason }) = workers.render(&job("x")) else {
            panic!("garbage should fail the job");
        };
        assert!(reason.starts_with(expected), "{reason}");
    }
}

#[test]
fn every_limit_is_enforced() {
    let workers = Workers::start(config()).unwrap();
    assert_eq!(workers.unenforced(), Vec::<String>::new());
}
