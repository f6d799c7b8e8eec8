//! The binary `stopgate`: everything is in the library, so that tests and documentation see the same commands.

fn main() -> std::process::ExitCode {
    stopgate::cli::main()
}
