//! The project's own commands. Each sets up what it needs and can be run again.

fn main() {
    eprintln!("usage: cargo xtask COMMAND");
    std::process::exit(2);
}
