//! The program `baton` for tests of this package, which cargo builds no program of another package for.

fn main() -> std::process::ExitCode {
    baton_host::cli::main()
}
