//! `carom-protoc lint`: the rules of buf, above all of its STANDARD category, under the names and at the places that buf gives them.
//!
//! A rule is a function below `rules`, called as it is named: `ENUM_PASCAL_CASE` is `rules::enums::pascal_case`.

mod rules;

use std::{ffi::OsString, io::Write};

use crate::{
    check::{
        Command,
        arguments::{Arguments, Flags},
        inputs::Inputs,
        rule::{self, Report},
        view::FileView,
    },
    driver::Options,
    ir::{FileId, Pool},
};

/// What rules look at.
struct Context<'a> {
    pool: &'a Pool,
    /// The files that were asked for, sorted by name.
    files: &'a [FileView<'a>],
    settings: &'a Settings,
}

type Check = fn(&Context<'_>, &mut Report);

/// What projects may have their own mind about.
#[derive(Debug)]
struct Settings {
    /// Default: `_UNSPECIFIED`.
    enum_zero_value_suffix: String,
    /// Default: `Service`.
    service_suffix: String,
    /// May a method have the same type for requests and responses? Default: no.
    allow_same_request_response: bool,
    /// May `google.protobuf.Empty` be the request of any method, or the response? Default: no.
    allow_empty_requests: bool,
    allow_empty_responses: bool,
}

const FLAGS: Flags = Flags {
    switches: &[
        "--disallow_comment_ignores",
        "--rpc_allow_same_request_response",
        "--rpc_allow_google_protobuf_empty_requests",
        "--rpc_allow_google_protobuf_empty_responses",
    ],
    valued: &["--enum_zero_value_suffix", "--service_suffix"],
};

const HELP: &str = "\
Usage: carom-protoc lint [OPTION] FILES|DIRECTORIES
Check .proto files against the rules of buf's STANDARD category. A directory stands for all .proto files below it.
  -IPATH, --proto_path=PATH  Directory in which to search for imports, as for compiling. Default: the directories that
                             are checked, or the current one for files.
  --category=LIST            Apply the rules of these categories, with commas between: MINIMAL, BASIC, STANDARD (the
                             default), each with all of those before it; COMMENTS and UNARY_RPC, which ask for more.
  --rules=LIST               Apply these rules, or categories, in place of those.
  --except=LIST              Leave these rules, or categories, out.
  --list-rules               Show all rules with their categories and exit.
  --enum-zero-value-suffix=SUFFIX
                             What ENUM_ZERO_VALUE_SUFFIX asks for. Default: _UNSPECIFIED.
  --service-suffix=SUFFIX    What SERVICE_SUFFIX asks for. Default: Service.
  --rpc-allow-same-request-response
                             Let a method have one type for requests and responses.
  --rpc-allow-google-protobuf-empty-requests, --rpc-allow-google-protobuf-empty-responses
                             Let google.protobuf.Empty be the request, or the response, of any method.
  --disallow-comment-ignores Take no notice of comments `// buf:lint:ignore RULE`, which otherwise let a rule pass for
                             the element below them and all that is in it.
  --error_format=FORMAT      Form of findings: text (default), gcc, msvs or json.
  --json                     One JSON object a line, with path, start_line, start_column, end_line, end_column, type
                             (the rule), message and suggestion.
  -h, --help                 Show this text and exit.
Exit code: 0 where nothing was found, 100 where something was, 1 where files cannot be read or do not compile.
Not checked: buf's PROTOVALIDATE, which judges the rules and CEL expressions of protovalidate.
";

/// A comment that starts so, and goes on with a rule, lets the rule pass.
const IGNORE: &str = "buf:lint:ignore";

const COMMAND: Command<Check> =
    Command { help: HELP, flags: FLAGS, rules: rules::TABLE, default_category: "STANDARD" };

/// Runs the command. `args` do not contain its name. Returns the exit code.
pub(crate) fn run(
    options: Options,
    args: &[OsString],
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> i32 {
    COMMAND.run(options.source_lines, args, stdout, stderr, |arguments, rules, output| {
        let inputs = Inputs::find(arguments.mappings.clone(), &arguments.inputs, options.bundled_includes)?;
        let compilation = match inputs.compile() {
            Ok(compilation) => compilation,
            Err(diagnostics) => return output.errors(&diagnostics),
        };
        let pool = compilation.pool();
        let view = |id: &FileId| FileView::new(pool, *id, inputs.shown(pool.file(*id).source.name()));
        let files: Vec<FileView<'_>> = compilation.requested_ids().iter().map(view).collect();
        let context = Context { pool, files: &files, settings: &settings(arguments) };
        let ignore = (!arguments.is_set("--disallow_comment_ignores")).then_some(IGNORE);
        output.findings(rule::apply(rules, ignore, |check, report| check(&context, report)))
    })
}

fn settings(arguments: &Arguments) -> Settings {
    let text = |flag: &str, default: &str| arguments.value(flag).unwrap_or(default).to_owned();
    Settings {
        enum_zero_value_suffix: text("--enum_zero_value_suffix", "_UNSPECIFIED"),
        service_suffix: text("--service_suffix", "Service"),
        allow_same_request_response: arguments.is_set("--rpc_allow_same_request_response"),
        allow_empty_requests: arguments.is_set("--rpc_allow_google_protobuf_empty_requests"),
        allow_empty_responses: arguments.is_set("--rpc_allow_google_protobuf_empty_responses"),
    }
}
