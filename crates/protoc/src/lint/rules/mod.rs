//! All rules. Those of one kind of element share a file.

mod enums;
mod fields;
mod files;
mod imports;
mod messages;
mod packages;
mod rpcs;
mod services;

use super::Check;
use crate::check::rule::Rule;

const MINIMAL: &[&str] = &["MINIMAL", "BASIC", "STANDARD"];
const BASIC: &[&str] = &["BASIC", "STANDARD"];
const STANDARD: &[&str] = &["STANDARD"];
/// Applied only where the rule is asked for by name.
const BY_NAME: &[&str] = &[];

const fn rule(
    name: &'static str,
    categories: &'static [&'static str],
    check: Check,
    purpose: &'static str,
) -> Rule<Check> {
    Rule { name, categories, purpose, check }
}

/// The rules by category and name.
pub(super) const TABLE: &[Rule<Check>] = &[
    rule("DIRECTORY_SAME_PACKAGE", MINIMAL, files::directory_same_package, "The files of a directory have one package."),
    rule("PACKAGE_DEFINED", MINIMAL, packages::defined, "Every file has a package."),
    rule("PACKAGE_DIRECTORY_MATCH", MINIMAL, packages::directory_match, "A file of package a.b lies in a/b."),
    rule("PACKAGE_NO_IMPORT_CYCLE", MINIMAL, packages::no_import_cycle, "Packages do not import each other in a circle."),
    rule("PACKAGE_SAME_DIRECTORY", MINIMAL, packages::same_directory, "The files of a package are in one directory."),
    rule("ENUM_FIRST_VALUE_ZERO", BASIC, enums::first_value_zero, "The first value of an enum is 0."),
    rule("ENUM_NO_ALLOW_ALIAS", BASIC, enums::no_allow_alias, "Enums do not set allow_alias."),
    rule("ENUM_PASCAL_CASE", BASIC, enums::pascal_case, "Names of enums are PascalCase."),
    rule("ENUM_VALUE_UPPER_SNAKE_CASE", BASIC, enums::value_upper_snake_case, "Names of enum values are UPPER_SNAKE_CASE."),
    rule("FIELD_LOWER_SNAKE_CASE", BASIC, fields::lower_snake_case, "Names of fields are lower_snake_case."),
    rule("FIELD_NOT_REQUIRED", BASIC, fields::not_required, "Fields are not required."),
    rule("IMPORT_NO_PUBLIC", BASIC, imports::no_public, "Imports are not public."),
    rule("IMPORT_USED", BASIC, imports::used, "Something is used of every import."),
    rule("MESSAGE_PASCAL_CASE", BASIC, messages::pascal_case, "Names of messages are PascalCase."),
    rule("ONEOF_LOWER_SNAKE_CASE", BASIC, messages::oneof_lower_snake_case, "Names of oneofs are lower_snake_case."),
    rule("PACKAGE_LOWER_SNAKE_CASE", BASIC, packages::lower_snake_case, "Names of packages are lower_snake.case."),
    rule("PACKAGE_SAME_CSHARP_NAMESPACE", BASIC, packages::same_csharp_namespace, "The files of a package have one csharp_namespace."),
    rule("PACKAGE_SAME_GO_PACKAGE", BASIC, packages::same_go_package, "The files of a package have one go_package."),
    rule("PACKAGE_SAME_JAVA_MULTIPLE_FILES", BASIC, packages::same_java_multiple_files, "The files of a package have one java_multiple_files."),
    rule("PACKAGE_SAME_JAVA_PACKAGE", BASIC, packages::same_java_package, "The files of a package have one java_package."),
    rule("PACKAGE_SAME_PHP_NAMESPACE", BASIC, packages::same_php_namespace, "The files of a package have one php_namespace."),
    rule("PACKAGE_SAME_RUBY_PACKAGE", BASIC, packages::same_ruby_package, "The files of a package have one ruby_package."),
    rule("PACKAGE_SAME_SWIFT_PREFIX", BASIC, packages::same_swift_prefix, "The files of a package have one swift_prefix."),
    rule("RPC_PASCAL_CASE", BASIC, rpcs::pascal_case, "Names of methods are PascalCase."),
    rule("SERVICE_PASCAL_CASE", BASIC, services::pascal_case, "Names of services are PascalCase."),
    rule("SYNTAX_SPECIFIED", BASIC, files::syntax_specified, "Every file says its syntax or edition."),
    rule("ENUM_VALUE_PREFIX", STANDARD, enums::value_prefix, "Names of enum values start with that of the enum."),
    rule("ENUM_ZERO_VALUE_SUFFIX", STANDARD, enums::zero_value_suffix, "The zero value of an enum ends in _UNSPECIFIED, or what is set."),
    rule("FILE_LOWER_SNAKE_CASE", STANDARD, files::lower_snake_case, "Names of files are lower_snake_case.proto."),
    rule("PACKAGE_VERSION_SUFFIX", STANDARD, packages::version_suffix, "Packages end in a version: v1, v1beta1, v1p1alpha1, v1test."),
    rule("RPC_REQUEST_RESPONSE_UNIQUE", STANDARD, rpcs::request_response_unique, "Every method has request and response types of its own."),
    rule("RPC_REQUEST_STANDARD_NAME", STANDARD, rpcs::request_standard_name, "Requests are named MethodRequest or ServiceMethodRequest."),
    rule("RPC_RESPONSE_STANDARD_NAME", STANDARD, rpcs::response_standard_name, "Responses are named MethodResponse or ServiceMethodResponse."),
    rule("SERVICE_SUFFIX", STANDARD, services::suffix, "Names of services end in Service, or what is set."),
    rule("IMPORT_NO_WEAK", BY_NAME, imports::no_weak, "Imports are not weak."),
];
