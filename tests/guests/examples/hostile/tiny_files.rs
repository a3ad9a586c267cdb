//! Makes files and folders without a byte in them, which take room on the disk all the same, until it is refused.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        wanting("files", "task")
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        let made =
            |make: fn(String) -> bool, name: &str| (0..10_000).take_while(|n| make(format!("/task/{name}{n}"))).count();
        let files = made(|path| std::fs::File::create(path).is_ok(), "f");
        let folders = made(|path| std::fs::create_dir(path).is_ok(), "d");
        let links = made(|path| std::fs::hard_link("/task/f0", path).is_ok(), "l");
        for n in 0..files {
            let _ = std::fs::remove_file(format!("/task/f{n}"));
        }
        succeeded(&format!("{files} files, {folders} folders, {links} links"))
    }
}

taskwright_test_guests::guest!(Guest);
