//! Rendering beside `kustomize build`, over the same units.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use naksha_tests::programs;

use crate::Scale;
use crate::result::{Measurement, percentile};
use crate::shop::{installation, objects_yaml};

const UNITS: usize = 1000;

pub(crate) fn kustomize(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let installation = installation(UNITS)?;
    let folder = installation.repository.folder();
    let mut ours = Vec::new();
    for _ in 0..if scale.full { 10 } else { 3 } {
        let started = Instant::now();
        let printed = installation.program.run(folder, &["render", "--env", "dev", "."]);
        ours.push(started.elapsed().as_secs_f64());
        ensure!(printed.code == 0, "render failed: {}", printed.err);
        ensure!(printed.out.matches("\nkind: ").count() == UNITS * 4, "not every object was rendered");
    }
    let ours = percentile(&mut ours, 0.5);
    let mine = Measurement::new("naksha render, 1000 units, one process", ours, "s")
        .note("half of the units are templates");
    let Some(program) = program() else {
        return Ok(vec![mine.note("kustomize is not built: ./tests/run builds it with Go")]);
    };
    let layers = tempfile::tempdir()?;
    write_kustomizations(layers.path())?;
    let sample = if scale.full { UNITS } else { UNITS / 10 };
    let started = Instant::now();
    for unit in 0..sample {
        build(&program, &layers.path().join(format!("app-{unit}")))?;
    }
    #[allow(clippy::cast_precision_loss, reason = "a thousand")]
    let each = started.elapsed().as_secs_f64() * UNITS as f64 / sample as f64;
    let started = Instant::now();
    build(&program, layers.path())?;
    let one = started.elapsed().as_secs_f64();
    let ratio = |peer: f64| format!("{:.1}× as long", peer / ours);
    Ok(vec![
        mine,
        Measurement::new("kustomize build, one process per unit", each, "s")
            .compared_with(ratio(each))
            .note(format!("{sample} units measured, scaled to {UNITS}; plain manifests")),
        Measurement::new("kustomize build, all units in one process", one, "s").compared_with(ratio(one)),
    ])
}

/// Built by `./tests/run` into its cache, or installed.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("NAKSHA_TEST_KUSTOMIZE").map(PathBuf::from);
    let cached = programs::cached().map(|folder| folder.join("kustomize"));
    [named, cached].into_iter().flatten().find(|path| path.is_file())
}

fn write_kustomizations(root: &Path) -> anyhow::Result<()> {
    let mut all = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n".to_owned();
    for unit in 0..UNITS {
        let folder = root.join(format!("app-{unit}"));
        std::fs::create_dir(&folder)?;
        // Odd units are plain manifests: what kustomize takes.
        let objects = objects_yaml(unit * 2 + 1, "info")
            .replace(&format!("app-{}", unit * 2 + 1), &format!("app-{unit}"));
        std::fs::write(folder.join("app.yaml"), objects)?;
        let kustomization =
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [app.yaml]\n";
        std::fs::write(folder.join("kustomization.yaml"), kustomization)?;
        all.push_str(&format!("  - app-{unit}\n"));
    }
    std::fs::write(root.join("kustomization.yaml"), all)?;
    Ok(())
}

fn build(program: &Path, folder: &Path) -> anyhow::Result<()> {
    let output = Command::new(program)
        .arg("build")
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .context("kustomize starts")?;
    ensure!(output.status.success(), "kustomize failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
