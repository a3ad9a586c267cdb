//! Asks WASI itself for as much as its specification says, past what a language's library would.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

#[expect(missing_docs, clippy::pedantic, reason = "generated")]
mod raw {
    wit_bindgen::generate!({
        inline: "
            package test:raw;

            world raw {
                import wasi:random/random@0.2.1;
                import wasi:io/poll@0.2.1;
                import wasi:clocks/monotonic-clock@0.2.1;
            }

            package wasi:random@0.2.1 {
                interface random {
                    get-random-bytes: func(len: u64) -> list<u8>;
                    get-random-u64: func() -> u64;
                }
            }

            package wasi:io@0.2.1 {
                interface poll {
                    resource pollable {
                        ready: func() -> bool;
                        block: func();
                    }
                    poll: func(in: list<borrow<pollable>>) -> list<u32>;
                }
            }

            package wasi:clocks@0.2.1 {
                interface monotonic-clock {
                    use wasi:io/poll@0.2.1.{pollable};
                    type instant = u64;
                    type duration = u64;
                    now: func() -> instant;
                    resolution: func() -> duration;
                    subscribe-instant: func(when: instant) -> pollable;
                    subscribe-duration: func(when: duration) -> pollable;
                }
            }
        ",
        generate_all,
    });
}

use raw::wasi::clocks::monotonic_clock;
use raw::wasi::io::poll::poll;
use raw::wasi::random::random;

struct Guest;

impl Behaviour for Guest {
    async fn start(task: Task) -> Result<Step, Failure> {
        let words: Vec<&str> = task.spec.trim_matches('"').split_whitespace().collect();
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let came = match words[..] {
            ["random", bytes] => random::get_random_bytes(number(bytes)).len().to_string(),
            ["poll", times] => {
                let timer = monotonic_clock::subscribe_duration(0);
                poll(&vec![&timer; number(times) as usize]).len().to_string()
            }
            ["timers", times] => {
                let timers: Vec<_> = (0..number(times)).map(|_| monotonic_clock::subscribe_duration(1 << 60)).collect();
                timers.len().to_string()
            }
            ["spin-on-ready"] => {
                let timer = monotonic_clock::subscribe_duration(1 << 60);
                while !timer.ready() {}
                unreachable!("it is ready in thirty years")
            }
            ["clocks", times] => {
                let step = monotonic_clock::resolution();
                let fine = (0..number(times)).filter(|_| {
                    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
                    monotonic_clock::now() % step != 0 || u64::from(wall.subsec_nanos()) % step != 0
                });
                format!("{} finer than {step}", fine.count())
            }
            _ => panic!("what is {words:?}?"),
        };
        succeeded(&came)
    }
}

taskwright_test_guests::guest!(Guest);
