//! The runner of protobuf's conformance suite, from PyPI; where the C library is too old for it, with a newer one beside
//! the system's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::console::note;
use crate::protoc_compare::tools::python_packages;
use crate::{process, project};

const QUICK: Duration = Duration::from_secs(60);
const FETCH_LIMIT: Duration = Duration::from_secs(300);

/// The Debian release whose C library the runner is content with, and what it needs of it.
const RELEASE: &str = "trixie";
const PACKAGES: [&str; 3] = ["libc6", "libgcc-s1", "libstdc++6"];

/// How the runner is started.
pub(super) struct Runner {
    program: PathBuf,
    /// The dynamic loader and the folder of the libraries, if the system's are too old.
    libraries: Option<(PathBuf, PathBuf)>,
}

impl Runner {
    pub(super) fn obtain() -> Result<Self, String> {
        let (_, packages) = python_packages()?;
        let program = packages.join("protoc/_bin/conformance_test_runner");
        let own = Self { program: program.clone(), libraries: None };
        let Err(reason) = own.starts() else { return Ok(own) };
        let apt = ["apt-get", "dpkg-deb"].iter().find(|program| !process::is_installed(program));
        if let Some(missing) = apt {
            return Err(format!(
                "it does not run with this system's libraries, and there is no {missing}: {reason}"
            ));
        }
        let runner = Self { program, libraries: Some(debian_libraries()?) };
        runner.starts()?;
        Ok(runner)
    }

    /// The runner, ready for arguments.
    pub(super) fn command(&self) -> Command {
        match &self.libraries {
            None => Command::new(&self.program),
            Some((loader, folder)) => {
                let mut command = Command::new(loader);
                command.arg("--library-path").arg(folder).arg(&self.program);
                command
            }
        }
    }

    /// Whether it runs at all: to an option that it does not know it answers how it is used.
    fn starts(&self) -> Result<(), String> {
        let finished = process::capture(self.command().arg("--help"), QUICK)?;
        let said = finished.stdout + &finished.stderr;
        if said.contains("--enforce_recommended") {
            Ok(())
        } else {
            Err(format!("the runner does not start:\n{}", process::last_lines(&said, 5)))
        }
    }
}

/// The newer C library, unpacked and not installed: the loader and the folder beside it.
fn debian_libraries() -> Result<(PathBuf, PathBuf), String> {
    let folder = project::cache().join("conformance").join(RELEASE);
    if let Ok(found) = loader(&folder) {
        return Ok(found);
    }
    project::fresh_folder(&folder)?;
    let configuration = configure_apt(&folder)?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", &configuration).current_dir(&folder).args(arguments);
        process::quietly(&mut command, FETCH_LIMIT)
    };
    note(&format!("apt-get download {} of Debian {RELEASE}, into {}", PACKAGES.join(" "), folder.display()));
    apt(&["update", "--quiet"])?;
    apt(&[["download", "--quiet"].as_slice(), &PACKAGES].concat())?;
    for archive in project::files_below(&folder)? {
        if archive.extension().is_some_and(|extension| extension == "deb") {
            let mut unpack = Command::new("dpkg-deb");
            process::quietly(unpack.arg("-x").arg(&archive).arg(folder.join("root")), QUICK)?;
        }
    }
    loader(&folder)
}

fn loader(folder: &Path) -> Result<(PathBuf, PathBuf), String> {
    let files = project::files_below(&folder.join("root/usr/lib"))?;
    let named = |start: &str| {
        let fits = |name: &str| name.starts_with(start);
        files.iter().find(|file| file.file_name().and_then(|name| name.to_str()).is_some_and(fits))
    };
    match (named("ld-linux"), named("libstdc++.so")) {
        (Some(loader), Some(library)) => {
            Ok((loader.clone(), library.parent().unwrap_or(folder).to_path_buf()))
        }
        _ => Err(format!("there is no C library below {}", folder.display())),
    }
}

/// A configuration of apt that knows that release alone and leaves the system's lists as they are.
fn configure_apt(folder: &Path) -> Result<PathBuf, String> {
    let write = |name: &str, text: &str| -> Result<PathBuf, String> {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    };
    for inner in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(folder.join(inner)).map_err(|error| format!("cannot make {inner}: {error}"))?;
    }
    let mirror = mirror(Path::new("/etc/apt"))?;
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let sources = write("sources.list", &format!("deb [signed-by={keyring}] {mirror} {RELEASE} main\n"))?;
    let status = write("status", "")?;
    let folder = folder.display();
    write(
        "apt.conf",
        &format!(
            "Dir::State \"{folder}\";\nDir::State::lists \"{folder}/lists\";\nDir::State::status \"{}\";\n\
             Dir::Cache \"{folder}\";\nDir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"/dev/null\";\n",
            status.display(),
            sources.display()
        ),
    )
}

/// Where this system gets its packages from: the first address of Debian's archive in apt's sources.
fn mirror(apt: &Path) -> Result<String, String> {
    for file in project::files_below(apt)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name != "sources.list" && !file.starts_with(apt.join("sources.list.d")) {
            continue;
        }
        let text =
            fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        if let Some(found) = archive(&text) {
            return Ok(found.to_owned());
        }
    }
    Err(format!("no source of apt below {} is Debian's archive", apt.display()))
}

/// The archive's address in a list of sources, be it of lines or of stanzas.
fn archive(sources: &str) -> Option<&str> {
    let lines = sources.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines
        .flat_map(str::split_whitespace)
        .find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian"))
}

#[cfg(test)]
mod tests {
    use super::archive;

    #[test]
    fn the_archive_is_found_in_both_forms() {
        let lines = "# deb http://old.example/debian x main\ndeb http://a.example/debian-security x main\n\
                     deb [arch=amd64] http://a.example/debian/ x main\n";
        assert_eq!(archive(lines), Some("http://a.example/debian/"));
        let stanza = "Types: deb\nURIs: https://b.example/debian\nSuites: x\n";
        assert_eq!(archive(stanza), Some("https://b.example/debian"));
        assert_eq!(archive("deb http://c.example/ubuntu y main"), None);
    }
}
