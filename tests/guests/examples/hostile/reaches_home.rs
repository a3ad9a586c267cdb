//! Looks for what is the host's own in a folder that contains it, by every name and link that it can make, and writes over it.
#![cfg(target_arch = "wasm32")]

use std::fs;

use taskwright_test_guests::behaviour::*;

struct Guest;

const ROOT: &str = "/files";
/// Every way in which a path can be reached.
fn ways(path: &str) -> Vec<&'static str> {
    let mut got = Vec::new();
    let mut note = |way, worked: bool| got.extend(worked.then_some(way));
    note("stat", fs::metadata(path).is_ok());
    note("lstat", fs::symlink_metadata(path).is_ok());
    note("read", fs::read(path).is_ok());
    note("list", fs::read_dir(path).is_ok());
    note("write", fs::write(path, "mine").is_ok());
    note("make", fs::create_dir(path).is_ok());
    note("link", fs::hard_link(path, format!("{ROOT}/linked")).is_ok());
    note(
        "replace",
        fs::write(format!("{ROOT}/mine"), "mine").is_ok() && fs::rename(format!("{ROOT}/mine"), path).is_ok(),
    );
    note("move", fs::rename(path, format!("{ROOT}/moved")).is_ok());
    note("remove", fs::remove_file(path).is_ok() || fs::remove_dir(path).is_ok());
    got
}

/// Attacks each of these, paths below the folder.
fn attack(own: &[&str]) -> std::io::Result<String> {
    fs::create_dir(format!("{ROOT}/sub"))?;
    let mut got = Vec::new();
    let mut find = |path: &str, shown: &str| {
        for way in ways(path) {
            got.push(format!("{way} {shown}"));
        }
    };
    for own in own {
        find(&format!("{ROOT}/{own}"), own);
        // A link to it, and a link to where it lies.
        #[expect(deprecated, reason = "the one of the platform is not stable")]
        let _ = (fs::soft_link(own, format!("{ROOT}/way")), fs::soft_link("../", format!("{ROOT}/sub/up")));
        if fs::read(format!("{ROOT}/way")).is_ok() || fs::read_dir(format!("{ROOT}/way")).is_ok() {
            got_through(&mut find, own);
        }
        let _ = (fs::remove_file(format!("{ROOT}/way")), fs::remove_file(format!("{ROOT}/sub/up")));
    }
    let names: Vec<String> =
        fs::read_dir(ROOT)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    for name in names.iter().filter(|name| own.contains(&name.as_str())) {
        got.push(format!("see {name}"));
    }
    Ok(if got.is_empty() { "got nothing".to_owned() } else { format!("got {}", got.join(", ")) })
}

fn got_through(find: &mut impl FnMut(&str, &str), own: &str) {
    find(&format!("{ROOT}/way"), &format!("{own} through a link"));
}

impl Behaviour for Guest {
    fn describe() -> Description {
        wanting("files", "files")
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        let own: Vec<&str> = task.spec.trim_matches('"').split(' ').collect();
        let said = attack(&own).map_err(|error| failure("io", &error.to_string()))?;
        succeeded(&said)
    }
}

taskwright_test_guests::guest!(Guest);
