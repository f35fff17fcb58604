//! Debian packages: installed where we may, named where we may not. Programs of Go modules.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::console::note;
use crate::process;

const APT_LIMIT: Duration = Duration::from_secs(600);
const GO_LIMIT: Duration = Duration::from_secs(1200);

/// A program that must be there, and the Debian package that brings it.
pub(crate) struct Needed {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// Makes sure that all programs are there, by apt where this runs as root.
pub(crate) fn ensure(needed: &[Needed]) -> Result<(), String> {
    let missing = |needed: &&Needed| !process::is_installed(needed.program);
    let packages: Vec<&str> = needed.iter().filter(missing).map(|needed| needed.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    install(&packages)?;
    match needed.iter().find(missing) {
        None => Ok(()),
        Some(needed) => Err(format!(
            "the package {} is installed, yet there is no program {} in the path",
            needed.package, needed.program
        )),
    }
}

/// Installs packages, or says which to install.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    let list = packages.join(" ");
    let by_hand = format!("please install what is missing, on Debian: apt-get install {list}");
    if !is_root() || !process::is_installed("apt-get") {
        return Err(by_hand);
    }
    note(&format!("apt-get install {list}"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        process::quietly(&mut command, APT_LIMIT)
    };
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    // The lists of a fresh image are empty: they are fetched only where the first try fails.
    if apt(&arguments).is_err() {
        apt(&["update"]).map_err(|reason| format!("{reason}\n{by_hand}"))?;
        apt(&arguments).map_err(|reason| format!("{reason}\n{by_hand}"))?;
    }
    Ok(())
}

/// Builds programs of one Go module into a folder, unless they are there.
pub(crate) fn go_install(folder: &Path, programs: &[&str], packages_of: &[String]) -> Result<(), String> {
    if programs.iter().all(|name| folder.join(name).exists()) {
        return Ok(());
    }
    ensure(&[Needed { program: "go", package: "golang-go" }])?;
    note(&format!("go install {}", packages_of.join(" ")));
    let mut go = Command::new("go");
    go.arg("install").args(packages_of).env("GOBIN", folder).env("GOFLAGS", "-modcacherw");
    process::quietly(&mut go, GO_LIMIT).map(drop)
}

fn is_root() -> bool {
    process::quietly(Command::new("id").arg("-u"), Duration::from_secs(10))
        .is_ok_and(|answer| answer.trim() == "0")
}
