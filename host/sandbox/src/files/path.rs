//! Paths in the task's own folder, where no link can lie: what they say is where they lead.
//! Does not touch the disk.

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

/// How deep folders may lie in one another. Who removes a tree holds a handle for each level.
pub(super) const MAX_DEPTH: usize = 64;

/// How many folders deep a path leads, from a folder that lies `depth` deep; the last name is counted too.
///
/// # Errors
/// `NotPermitted` for a path that leads out of the folder, or is absolute.
pub(super) fn depth_of(depth: usize, path: &str) -> Result<usize, ErrorCode> {
    if path.starts_with('/') {
        return Err(ErrorCode::NotPermitted);
    }
    let mut down = 0_usize;
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => down = down.checked_sub(1).ok_or(ErrorCode::NotPermitted)?,
            _ => down += 1,
        }
    }
    Ok(depth.saturating_add(down))
}

/// As `depth_of`, for something new.
///
/// # Errors
/// `NameTooLong` for what would lie too deep.
pub(super) fn new_depth(depth: usize, path: &str) -> Result<usize, ErrorCode> {
    match depth_of(depth, path)? {
        deep if deep > MAX_DEPTH => Err(ErrorCode::NameTooLong),
        deep => Ok(deep),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_as_deep_as_it_leads_and_does_not_lead_out() {
        assert_eq!(depth_of(0, "a/./b//../c").unwrap(), 2);
        assert_eq!(depth_of(3, ".").unwrap(), 3);
        for out in ["..", "a/../..", "/a", "a/../../b"] {
            assert!(depth_of(5, out).is_err(), "{out}");
        }
        assert!(new_depth(MAX_DEPTH, "a").is_err());
    }
}
