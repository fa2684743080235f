//! How does the memory that a rush of calls took go back to the system?

/// Returns to the system what the allocator keeps for later; takes some milliseconds at most.
#[expect(unsafe_code, reason = "glibc offers this to C only")]
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes no pointer and may run at any time on any thread (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}
