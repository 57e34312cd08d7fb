//! `mailjig`: a mail server for tests, on the command line.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    mailjig::cli::main()
}
