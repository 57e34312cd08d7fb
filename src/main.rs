//! `mailjig`: a mail server for tests, on the command line.

fn main() -> std::process::ExitCode {
    mailjig::cli::main()
}
