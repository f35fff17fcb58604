//! All rules. Those of one kind of element share a file.

mod comments;
mod enums;
mod fields;
mod files;
mod imports;
mod messages;
mod packages;
mod rpcs;
mod services;

use super::Check;
use crate::check::{
    rule::{Report, rule_table},
    view::{FileView, join, number},
};

const MINIMAL: &[&str] = &["MINIMAL", "BASIC", "STANDARD"];
const BASIC: &[&str] = &["BASIC", "STANDARD"];
const STANDARD: &[&str] = &["STANDARD"];
const COMMENTS: &[&str] = &["COMMENTS"];
const UNARY_RPC: &[&str] = &["UNARY_RPC"];
/// Applied only where the rule is asked for by name.
const BY_NAME: &[&str] = &[];

rule_table! {
    /// The rules by category and name.
    pub(super) TABLE: Check;
    MINIMAL "DIRECTORY_SAME_PACKAGE" files::directory_same_package, "The files of a directory have one package.";
    MINIMAL "PACKAGE_DEFINED" packages::defined, "Every file has a package.";
    MINIMAL "PACKAGE_DIRECTORY_MATCH" packages::directory_match, "A file of package a.b lies in a/b.";
    MINIMAL "PACKAGE_NO_IMPORT_CYCLE" packages::no_import_cycle, "Packages do not import each other in a circle.";
    MINIMAL "PACKAGE_SAME_DIRECTORY" packages::same_directory, "The files of a package are in one directory.";
    BASIC "ENUM_FIRST_VALUE_ZERO" enums::first_value_zero, "The first value of an enum is 0.";
    BASIC "ENUM_NO_ALLOW_ALIAS" enums::no_allow_alias, "Enums do not set allow_alias.";
    BASIC "ENUM_PASCAL_CASE" enums::pascal_case, "Names of enums are PascalCase.";
    BASIC "ENUM_VALUE_UPPER_SNAKE_CASE" enums::value_upper_snake_case, "Names of enum values are UPPER_SNAKE_CASE.";
    BASIC "FIELD_LOWER_SNAKE_CASE" fields::lower_snake_case, "Names of fields are lower_snake_case.";
    BASIC "FIELD_NOT_REQUIRED" fields::not_required, "Fields are not required.";
    BASIC "IMPORT_NO_PUBLIC" imports::no_public, "Imports are not public.";
    BASIC "IMPORT_USED" imports::used, "Something is used of every import.";
    BASIC "MESSAGE_PASCAL_CASE" messages::pascal_case, "Names of messages are PascalCase.";
    BASIC "ONEOF_LOWER_SNAKE_CASE" messages::oneof_lower_snake_case, "Names of oneofs are lower_snake_case.";
    BASIC "PACKAGE_LOWER_SNAKE_CASE" packages::lower_snake_case, "Names of packages are lower_snake.case.";
    BASIC "PACKAGE_SAME_CSHARP_NAMESPACE" packages::same_csharp_namespace, "The files of a package have one csharp_namespace.";
    BASIC "PACKAGE_SAME_GO_PACKAGE" packages::same_go_package, "The files of a package have one go_package.";
    BASIC "PACKAGE_SAME_JAVA_MULTIPLE_FILES" packages::same_java_multiple_files, "The files of a package have one java_multiple_files.";
    BASIC "PACKAGE_SAME_JAVA_PACKAGE" packages::same_java_package, "The files of a package have one java_package.";
    BASIC "PACKAGE_SAME_PHP_NAMESPACE" packages::same_php_namespace, "The files of a package have one php_namespace.";
    BASIC "PACKAGE_SAME_RUBY_PACKAGE" packages::same_ruby_package, "The files of a package have one ruby_package.";
    BASIC "PACKAGE_SAME_SWIFT_PREFIX" packages::same_swift_prefix, "The files of a package have one swift_prefix.";
    BASIC "RPC_PASCAL_CASE" rpcs::pascal_case, "Names of methods are PascalCase.";
    BASIC "SERVICE_PASCAL_CASE" services::pascal_case, "Names of services are PascalCase.";
    BASIC "SYNTAX_SPECIFIED" files::syntax_specified, "Every file says its syntax or edition.";
    STANDARD "ENUM_VALUE_PREFIX" enums::value_prefix, "Names of enum values start with that of the enum.";
    STANDARD "ENUM_ZERO_VALUE_SUFFIX" enums::zero_value_suffix, "The zero value of an enum ends in _UNSPECIFIED, or what is set.";
    STANDARD "FILE_LOWER_SNAKE_CASE" files::lower_snake_case, "Names of files are lower_snake_case.proto.";
    STANDARD "PACKAGE_VERSION_SUFFIX" packages::version_suffix, "Packages end in a version: v1, v1beta1, v1p1alpha1, v1test.";
    STANDARD "RPC_REQUEST_RESPONSE_UNIQUE" rpcs::request_response_unique, "Every method has request and response types of its own.";
    STANDARD "RPC_REQUEST_STANDARD_NAME" rpcs::request_standard_name, "Requests are named MethodRequest or ServiceMethodRequest.";
    STANDARD "RPC_RESPONSE_STANDARD_NAME" rpcs::response_standard_name, "Responses are named MethodResponse or ServiceMethodResponse.";
    STANDARD "SERVICE_SUFFIX" services::suffix, "Names of services end in Service, or what is set.";
    COMMENTS "COMMENT_ENUM" comments::of_enum, "Enums have comments.";
    COMMENTS "COMMENT_ENUM_VALUE" comments::of_enum_value, "Enum values have comments.";
    COMMENTS "COMMENT_FIELD" comments::of_field, "Fields have comments.";
    COMMENTS "COMMENT_MESSAGE" comments::of_message, "Messages have comments.";
    COMMENTS "COMMENT_ONEOF" comments::of_oneof, "Oneofs have comments.";
    COMMENTS "COMMENT_RPC" comments::of_rpc, "Methods have comments.";
    COMMENTS "COMMENT_SERVICE" comments::of_service, "Services have comments.";
    UNARY_RPC "RPC_NO_CLIENT_STREAMING" rpcs::no_client_streaming, "Methods have no streams of requests.";
    UNARY_RPC "RPC_NO_SERVER_STREAMING" rpcs::no_server_streaming, "Methods have no streams of responses.";
    BY_NAME "STABLE_PACKAGE_NO_IMPORT_UNSTABLE" packages::stable_no_import_unstable, "Packages of a stable version do not import from alpha, beta or test ones.";
    BY_NAME "IMPORT_NO_WEAK" imports::no_weak, "Imports are not weak.";
}

/// Reports the name of an element, whose path is given, unless it is the expected one. `kind` and `style` are for the message.
fn check_name(
    report: &mut Report,
    file: &FileView<'_>,
    path: &[u32],
    kind: &str,
    name: &str,
    style: &str,
    expected: &str,
) {
    if name != expected {
        report.at(
            file,
            &join(path, &[number::NAME]),
            format!("the {kind} name \"{name}\" is not {style}"),
            format!("write \"{expected}\""),
        );
    }
}
