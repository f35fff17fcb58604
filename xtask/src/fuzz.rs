//! Fuzz targets, built with coverage on the stable compiler and run for a few seconds each.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::console::note;
use crate::{packages, process, project};

const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// Seconds of fuzzing a target in the test command.
const SMOKE_SECONDS: u64 = 5;

/// Builds all targets of `fuzz/` and runs each for a few seconds from its committed corpus.
pub(crate) fn smoke() -> Result<String, String> {
    let folder = project::root().join("fuzz");
    let manifest = folder.join("Cargo.toml");
    if !manifest.exists() {
        return Err("there is no fuzz/ in this checkout".to_owned());
    }
    // libFuzzer itself is C++ and is compiled with the targets.
    packages::ensure(&[packages::Needed { program: "c++", package: "g++" }])?;
    let host = project::host()?;
    let build = project::target().join("fuzz");
    // In its folder, whose configuration asks the compiler for coverage.
    let mut cargo = project::cargo(&["build", "--quiet", "--release", "--bins", "--target-dir"]);
    cargo.current_dir(&folder).arg(&build);
    process::show(&mut cargo, BUILD_LIMIT)?;

    let targets = targets(&folder)?;
    for target in &targets {
        let work = build.join("corpus").join(target);
        std::fs::create_dir_all(&work).map_err(|error| format!("cannot make {}: {error}", work.display()))?;
        let findings = build.join("findings");
        std::fs::create_dir_all(&findings)
            .map_err(|error| format!("cannot make {}: {error}", findings.display()))?;
        let mut fuzzer = Command::new(build.join(&host).join("release").join(target));
        fuzzer.current_dir(&folder).arg(format!("-max_total_time={SMOKE_SECONDS}"));
        fuzzer.args(["-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1"]);
        fuzzer.arg(format!("-artifact_prefix={}/{target}-", findings.display()));
        // What is found goes into the first folder; the committed corpus is only read.
        fuzzer.arg(&work);
        let committed = folder.join("corpus").join(target);
        if committed.is_dir() {
            fuzzer.arg(committed);
        }
        let limit = Duration::from_secs(SMOKE_SECONDS + 60);
        let finished = process::capture(&mut fuzzer, limit)?;
        let runs = finished
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
            .map_or("0", str::trim)
            .to_owned();
        finished.successful(&format!("fuzz target {target}"))?;
        if runs == "0" {
            return Err(format!("fuzz target {target} executed nothing"));
        }
        note(&format!("{target}: {runs} runs in {SMOKE_SECONDS} s"));
    }
    Ok(format!("{} targets, {SMOKE_SECONDS} s each", targets.len()))
}

/// The names of the targets: `fuzz/fuzz_targets/NAME.rs`, or the `name` lines of the manifest's `[[bin]]`s.
fn targets(folder: &std::path::Path) -> Result<Vec<String>, String> {
    let manifest: PathBuf = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)
        .map_err(|error| format!("cannot read {}: {error}", manifest.display()))?;
    let names = bin_names(&text);
    if names.is_empty() {
        return Err(format!("{} has no [[bin]]: there is nothing to fuzz", manifest.display()));
    }
    Ok(names)
}

fn bin_names(manifest: &str) -> Vec<String> {
    let mut in_bin = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_bin = line == "[[bin]]";
        } else if let Some((key, value)) = line.split_once('=')
            && in_bin
            && key.trim() == "name"
        {
            names.push(value.trim().trim_matches('"').to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::bin_names;

    #[test]
    fn targets_are_the_bins_of_the_manifest() {
        let manifest = "[package]\nname = \"carom-fuzz\"\n[[bin]]\nname = \"hpack\"\ntest = false\n[[bin]]\nname = \"frames\"\n";
        assert_eq!(bin_names(manifest), ["hpack", "frames"]);
    }
}
