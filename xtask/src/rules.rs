//! The dependency rules of the workspace, held by a look at `cargo tree` and a scan of the sources.
//!
//! A rule is a plain function from text to violations, so that a test can show that it catches one.

use std::path::Path;
use std::time::Duration;

use crate::{process, project};

#[cfg(test)]
mod tests;

/// Packages that may not be below a crate, with the reason.
const BANNED_BELOW: [(&str, &[&str], &str); 4] = [
    (
        "carom-wire",
        &["tokio", "mio", "socket2", "rustls", "polling", "rustix", "getrandom", "fastrand", "carom"],
        "the engine is handed bytes, time and randomness; it does no I/O",
    ),
    ("carom", &["h2", "hyper", "tower", "tonic", "axum"], "HTTP/2 and its API are Carom's own"),
    ("carom-protoc", &["tokio", "carom", "prost"], "the compiler is a library without a runtime"),
    ("carom-codegen", &["tokio", "carom"], "a build script must not compile the library twice"),
];

/// Packages that may not be below a crate with its default features.
const BANNED_BY_DEFAULT: [(&str, &[&str], &str); 2] = [
    ("carom", &["prost", "zstd"], "it is for those who ask for it"),
    ("carom-codegen", &["prost", "prost-build", "prost-types"], "they are for those who ask for them"),
];

/// Names that the engine's sources may not use: each is a clock, a socket, a file or a thread.
const BANNED_IN_ENGINE: [&str; 8] = [
    "std::net",
    "std::fs",
    "std::io::stdin",
    "std::thread",
    "std::process",
    "Instant::now",
    "SystemTime",
    "tokio",
];

/// The engine's layers, lowest first: a layer uses those before it.
const LAYERS: [&str; 9] = ["fields", "hpack", "frame", "stream", "conn", "http", "call", "client", "server"];
/// The two sides know nothing of each other.
const SIDES: [&str; 2] = ["client", "server"];
/// Modules beside the layers, with the layers that each may use.
const LEAVES: [(&str, &[&str]); 5] =
    [("memo", &[]), ("message", &[]), ("timeout", &[]), ("metadata", &["fields"]), ("status", &["fields"])];

/// Rooms of the library, what each may not use, and why.
const ROOMS: [(&str, &[&str], &str); 9] = [
    ("client", &["server"], "what both need belongs elsewhere"),
    ("server", &["client"], "what both need belongs elsewhere"),
    ("transport", &["client", "server"], "sockets know of no calls"),
    ("credentials", &["client", "server", "transport"], "credentials are configuration"),
    ("codec", &["client", "server", "transport", "credentials"], "a codec knows messages"),
    (
        "client::resolver",
        &[
            "client::balancer",
            "client::subchannel",
            "client::connection",
            "client::control",
            "client::shared",
        ],
        "a resolver knows no balancer",
    ),
    (
        "client::balancer",
        &["transport", "client::connection", "client::control", "client::shared", "client::channel"],
        "a balancer sees subchannels and their states, never a transport",
    ),
    (
        "client::connection",
        &[
            "client::balancer",
            "client::channel",
            "client::control",
            "client::resolver",
            "client::shared",
            "client::subchannel",
        ],
        "a connection knows its calls, not who chose it for them",
    ),
    (
        "server::router",
        &["server::connection", "transport"],
        "a router finds a method, whatever the call came by",
    ),
];
/// The only places that name the task of a client's connection.
const TRANSPORT_OPENERS: [&str; 2] = ["client::connection", "client::subchannel"];

/// Folders whose packages are never published.
const UNPUBLISHED: [&str; 7] = ["testing", "interop", "conformance", "benches", "fuzz", "examples", "xtask"];

/// Checks all rules that this checkout has something for, and tells how much was looked at.
pub(crate) fn check() -> Result<String, String> {
    let root = project::root();
    let mut violations = Vec::new();
    let mut looked_at = Vec::new();
    let bans = BANNED_BELOW.iter().map(|ban| (ban, true));
    for ((package, banned, reason), all_features) in
        bans.chain(BANNED_BY_DEFAULT.iter().map(|ban| (ban, false)))
    {
        let folder = package.strip_prefix("carom-").unwrap_or(package);
        if root.join("crates").join(folder).join("Cargo.toml").exists() {
            violations.extend(banned_packages(package, &tree(package, all_features)?, banned, reason));
            if all_features {
                looked_at.push((*package).to_owned());
            }
        }
    }
    let mut files = 0;
    for (folder, rule) in
        [("crates/wire/src", engine as fn(&Path, &str) -> Vec<String>), ("crates/carom/src", library)]
    {
        let source = root.join(folder);
        if !source.exists() {
            continue;
        }
        for file in project::files_below(&source)? {
            if file.extension().is_none_or(|extension| extension != "rs") || is_test(&file) {
                continue;
            }
            let text = std::fs::read_to_string(&file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            let inside = file.strip_prefix(&source).unwrap_or(&file);
            violations.extend(rule(inside, &text).into_iter().map(|rest| format!("{folder}/{rest}")));
            files += 1;
        }
    }
    for folder in UNPUBLISHED.iter().map(|folder| root.join(folder)).filter(|folder| folder.exists()) {
        for manifest in project::files_below(&folder)? {
            if manifest.file_name().is_some_and(|name| name == "Cargo.toml") {
                let text = std::fs::read_to_string(&manifest)
                    .map_err(|error| format!("cannot read {}: {error}", manifest.display()))?;
                violations.extend(unpublished(&manifest.to_string_lossy(), &text));
            }
        }
    }
    if files == 0 || looked_at.is_empty() {
        return Err("found no source to check: the rules look in the wrong place".to_owned());
    }
    if violations.is_empty() {
        Ok(format!("{files} files, dependencies of {}", looked_at.join(", ")))
    } else {
        Err(format!("{} violations\n{}", violations.len(), violations.join("\n")))
    }
}

fn tree(package: &str, all_features: bool) -> Result<String, String> {
    let mut cargo = project::cargo(&[]);
    cargo.args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    if all_features {
        cargo.arg("--all-features");
    }
    process::quietly(&mut cargo, Duration::from_secs(300))
}

/// Which of the banned packages `cargo tree` lists below a package.
fn banned_packages(package: &str, tree: &str, banned: &[&str], reason: &str) -> Vec<String> {
    let mut found: Vec<&str> = tree
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| banned.contains(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.iter().map(|name| format!("{package} depends on {name}: {reason}")).collect()
}

/// The rules inside `crates/wire/src`. `file` is relative to it.
fn engine(file: &Path, text: &str) -> Vec<String> {
    let code = without_comments_and_strings(text);
    let mut violations = Vec::new();
    for (number, line) in code.lines().enumerate() {
        for name in BANNED_IN_ENGINE.iter().filter(|name| contains_name(line, name)) {
            violations.push(format!("{}:{}: the engine names {name}", file.display(), number + 1));
        }
    }
    let module = module_path(file);
    let Some(own) = module.first() else {
        return violations;
    };
    for (line, used) in used_top_modules(&module, &code) {
        if used == *own {
            continue;
        }
        let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
        let leaf = LEAVES.iter().find(|(leaf, _)| leaf == own);
        let wrong = match (leaf, rank(own), rank(&used)) {
            (Some((_, layers)), _, Some(_)) if !layers.contains(&used.as_str()) => {
                Some("a leaf, which may use of the layers no more than `fields`")
            }
            (_, Some(own), Some(used)) if used > own => Some("below it"),
            _ if SIDES.contains(&own.as_str()) && SIDES.contains(&used.as_str()) => Some("the other side"),
            _ => None,
        };
        if let Some(why) = wrong {
            violations.push(format!("{}:{line}: {own} uses {used}, but {own} is {why}", file.display()));
        }
    }
    violations
}

/// The rules inside `crates/carom/src`. `file` is relative to it.
fn library(file: &Path, text: &str) -> Vec<String> {
    let module = module_path(file);
    let own = module.join("::");
    let code = without_comments_and_strings(text);
    let mut violations = Vec::new();
    let used = used_paths(&module, &code);
    for (room, banned, reason) in ROOMS.iter().filter(|(room, ..)| is_within(&own, room)) {
        let wrong = used.iter().filter(|(_, used)| banned.iter().any(|banned| is_within(used, banned)));
        violations.extend(
            wrong.map(|(line, used)| format!("{}:{line}: {room} uses {used}; {reason}", file.display())),
        );
    }
    if !TRANSPORT_OPENERS.iter().any(|opener| is_within(&own, opener)) {
        let named = code.lines().enumerate().filter(|(_, line)| contains_name(line, "Driver"));
        violations.extend(named.map(|(line, _)| {
            format!("{}:{}: only client::subchannel opens a transport", file.display(), line + 1)
        }));
    }
    violations
}

/// Whether a path by `::` is that of the room or of something in it.
fn is_within(path: &str, room: &str) -> bool {
    path.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// A package of an unpublished folder says so.
fn unpublished(manifest: &str, text: &str) -> Option<String> {
    let is_package = text.lines().any(|line| line.trim() == "[package]");
    let says_so = text.lines().any(|line| line.replace(' ', "") == "publish=false");
    (is_package && !says_so).then(|| format!("{manifest}: needs `publish = false`"))
}

fn is_test(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// `hpack/decoder.rs` is the module `hpack::decoder`; `lib.rs` is the root.
fn module_path(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

/// The modules right below the crate's root that paths by `crate::` and `super::` lead to, with their lines.
fn used_top_modules(module: &[String], code: &str) -> Vec<(usize, String)> {
    let top = |path: String| path.split("::").next().unwrap_or_default().to_owned();
    used_paths(module, code).into_iter().map(|(line, path)| (line, top(path))).collect()
}

/// What paths by `crate::` and `super::` lead to, seen from the crate's root, with their lines.
fn used_paths(module: &[String], code: &str) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for (start, keyword) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let before = code[..start].chars().next_back();
        // `$crate`, `pub(in crate::...)` are no exceptions; an identifier that ends so is, and the later part of
        // `super::super::` was followed from its beginning.
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let mut rest = &code[start + keyword.len()..];
        let mut depth = if keyword == "crate::" { 0 } else { module.len().saturating_sub(1) };
        while let Some(further) = rest.strip_prefix("super::") {
            rest = further;
            depth = depth.saturating_sub(1);
        }
        let line = code[..start].matches('\n').count() + 1;
        let base = &module[..depth];
        used.extend(paths(rest).into_iter().map(|path| {
            let whole: Vec<&str> = base.iter().map(String::as_str).chain(path.split("::")).collect();
            (line, whole.join("::"))
        }));
    }
    used.sort();
    used
}

/// The paths that stand here: one, or all those that a `{...}` group spans.
fn paths(text: &str) -> Vec<String> {
    let text = text.trim_start();
    let Some(group) = text.strip_prefix('{') else {
        let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        return match text[name.len()..].strip_prefix("::") {
            Some(rest) if !rest.starts_with('<') => {
                paths(rest).into_iter().map(|path| format!("{name}::{path}")).collect()
            }
            _ => vec![name],
        };
    };
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.extend(paths(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

/// Whether the line uses the name as a whole path, not as a part of a longer word.
fn contains_name(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(start, _)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let before = line[..start].chars().next_back();
        let after = line[start + name.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The code alone: comments and the insides of string literals become blanks, lines stay where they are.
fn without_comments_and_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string_hashes(rest, &out) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if c == '"' {
            string_length(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else if rest.starts_with("'\\\"'") {
            4
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[length..];
    }
    out
}

/// The number of `#` where a raw string literal begins here.
fn raw_string_hashes(rest: &str, before: &str) -> Option<usize> {
    if before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') && !before.ends_with('b') {
        return None;
    }
    let after = rest.strip_prefix('r')?;
    let hashes = after.chars().take_while(|c| *c == '#').count();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a string literal with both of its quotes.
fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
