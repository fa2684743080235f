//! The program `paging`; all of it lives in the library.

fn main() -> std::process::ExitCode {
    paging::daemon::main()
}
