//! `cargo xtask protoc`: the compiler as one program that needs nothing of the system, as protoc's releases are.
//!
//! A run over a small file takes two milliseconds, and a fifth of them goes to finding and joining shared libraries.

use std::path::PathBuf;
use std::time::Duration;

use crate::{process, project};

const LIMIT: Duration = Duration::from_secs(1800);

/// `cargo xtask protoc`.
pub(crate) fn run() -> Result<(), String> {
    let program = build()?;
    println!("{}", program.display());
    Ok(())
}

fn build() -> Result<PathBuf, String> {
    // A target that is named keeps the flags away from build scripts and macros, which must stay loadable.
    let (host, folder) = (project::host()?, project::target().join("static"));
    let mut cargo = project::cargo(&["build", "--quiet", "--profile", "dist", "--package", "carom-protoc"]);
    cargo.args(["--target", &host]).arg("--target-dir").arg(&folder);
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    process::show(&mut cargo, LIMIT)?;
    Ok(folder.join(host).join("dist/carom-protoc"))
}
