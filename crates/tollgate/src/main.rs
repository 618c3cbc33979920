//! The `tollgate` program. Everything is in the library; see `cli` for what it can be asked to do.

use std::process::ExitCode;

// Streams allocate and free small buffers from many threads, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tollgate::cli::run(std::env::args_os())
}
