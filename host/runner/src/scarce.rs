//! Everything that is scarce in a host's process, and who owns it: what a session may have of it, what is kept for the host, and what
//! happens where there is no more.
//! Does not count anything: the files that it names do. `docs/security.md` shows it as a table, and a test holds both together.

/// One thing of which there is only so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scarce {
    /// What it is.
    pub name: &'static str,
    /// The source file that counts it, from the root of the repository.
    pub counted_in: &'static str,
    /// The dimensions of a budget that limit one attempt in it, by their names; `–` if none does.
    pub dimensions: &'static str,
    /// What one session may have of it.
    pub share: &'static str,
    /// What is kept for the host itself.
    pub reserve: &'static str,
    /// What happens to a guest where there is no more. It is never an error of the host.
    pub at_the_limit: &'static str,
    /// Who tries to take all of it: a source file of tests, and in it a test, or a row of the hostile suite.
    pub tried_by: &'static [(&'static str, &'static str)],
}

/// All of it.
pub const SCARCE: &[Scarce] = &[
    Scarce {
        name: "memory of guests",
        counted_in: "host/sandbox/src/shared_pool.rs",
        dimensions: "memory_bytes",
        share: "three quarters of `max_guest_memory`, stacks and the engine's data for them included",
        reserve: "none: it is not the host's own memory",
        at_the_limit: "waits for 30 s, then the task is given back",
        tried_by: &[
            ("host/sandbox/src/shared_pool.rs", "who_wants_more_than_there_is_waits_until_it_comes_back"),
            ("tests/system/src/hostile/rows/of_the_sandbox.rs", "memory"),
            (
                "tests/system/tests/lifecycle/admission.rs",
                "who_finds_no_memory_waits_for_it_and_a_smaller_guest_goes_past",
            ),
        ],
    },
    Scarce {
        name: "bytes of calls under way",
        counted_in: "host/sandbox/src/meter.rs",
        dimensions: "call_bytes",
        share: "that of its instances",
        reserve: "none",
        at_the_limit: "the attempt ends as `resource_exhausted`",
        tried_by: &[("tests/system/src/hostile/rows/of_the_sandbox.rs", "calls_at_once")],
    },
    Scarce {
        name: "instances",
        counted_in: "host/runner/src/admission.rs",
        dimensions: "instances, table_elements",
        share: "three quarters of `max_instances`",
        reserve: "none",
        at_the_limit: "waits in the queue",
        tried_by: &[
            (
                "host/runner/src/admission.rs",
                "one_session_leaves_a_quarter_of_the_places_to_others_and_gets_back_what_it_gives_back",
            ),
            ("tests/system/tests/lifecycle/admission.rs", "who_finds_no_instance_waits_and_does_not_fail"),
            (
                "tests/system/tests/lifecycle/admission.rs",
                "a_session_that_fills_the_host_does_not_keep_another_waiting",
            ),
        ],
    },
    Scarce {
        name: "memories, tables and stacks of the engine",
        counted_in: "host/sandbox/src/engine_places.rs",
        dimensions: "–",
        share: "three quarters of each: two memories, sixteen tables and four stacks for each instance that there may be",
        reserve: "those of 16 instances, for kinds that are asked what they are",
        at_the_limit: "waits for 30 s, then the task is given back",
        tried_by: &[
            ("host/sandbox/tests/sandbox/shares.rs", "who_finds_no_tables_waits_and_another_session_goes_on"),
            ("host/sandbox/tests/sandbox/shares.rs", "stacks_are_counted_and_another_session_goes_on"),
        ],
    },
    Scarce {
        name: "time on the cores",
        counted_in: "host/sandbox/src/computing.rs",
        dimensions: "cpu_ms, wall_ms",
        share: "its turn, one owner after the other",
        reserve: "the runtime's own threads",
        at_the_limit: "waits for its turn; beyond the budget the attempt ends",
        tried_by: &[
            ("host/sandbox/src/computing.rs", "an_owner_that_has_computed_little_never_waits_and_one_that_spins_does"),
            ("tests/system/src/hostile/rows/of_the_sandbox.rs", "spin"),
        ],
    },
    Scarce {
        name: "descriptors",
        counted_in: "host/sandbox/src/descriptor_limit.rs",
        dimensions: "open_files",
        share: "three quarters of what guests get",
        reserve: "128, and those of HTTP connections (512, a quarter of a low limit)",
        at_the_limit: "an open is refused: `quota` by the budget, `busy` by the share; an instance with folders waits for 30 s to begin",
        tried_by: &[
            ("host/server/tests/cli/descriptors.rs", "a_session_that_opens_all_it_can_disturbs_no_other"),
            ("host/sandbox/tests/sandbox/task_folder.rs", "one_session_leaves_descriptors_to_others"),
            ("host/sandbox/tests/sandbox/task_folder.rs", "files_open_at_one_time_are_limited_and_counted"),
            ("tests/system/src/hostile/rows/of_the_sandbox.rs", "file_script: open files"),
        ],
    },
    Scarce {
        name: "threads of instances with folders",
        counted_in: "host/sandbox/src/file_thread.rs",
        dimensions: "–",
        share: "three quarters of 512",
        reserve: "none: the runtime has threads of its own",
        at_the_limit: "waits for 30 s, then the task is given back",
        tried_by: &[("host/sandbox/tests/sandbox/task_folder.rs", "one_session_leaves_threads_to_others")],
    },
    Scarce {
        name: "syncs of files",
        counted_in: "host/sandbox/src/files/sync_pace.rs",
        dimensions: "–",
        share: "three of four under way; each instance 20 a second",
        reserve: "none",
        at_the_limit: "waits",
        tried_by: &[("host/sandbox/src/files/sync_pace.rs", "who_syncs_too_often_waits")],
    },
    Scarce {
        name: "compile slots",
        counted_in: "host/sandbox/src/sandbox.rs",
        dimensions: "–",
        share: "none: what is compiled is the operator's",
        reserve: "none",
        at_the_limit: "waits",
        tried_by: &[(
            "host/sandbox/tests/sandbox/compiling.rs",
            "a_component_that_takes_too_long_to_compile_is_given_up_and_others_compile_meanwhile",
        )],
    },
    Scarce {
        name: "drafts",
        counted_in: "host/runner/src/reporter.rs",
        dimensions: "artifact_bytes",
        share: "16 open in each instance, each without memory or a descriptor between two writes",
        reserve: "none",
        at_the_limit: "`limit-exceeded` of `open_drafts`",
        tried_by: &[
            ("tests/system/src/hostile/rows/floods.rs", "report_flood: empty drafts"),
            ("tests/system/src/hostile/rows/floods.rs", "report_flood: many large drafts"),
            ("host/runner/src/session_files/tests.rs", "drafts_hold_no_descriptor_between_two_writes"),
        ],
    },
    Scarce {
        name: "disk of files",
        counted_in: "host/runner/src/free_space.rs",
        dimensions: "file_bytes, artifact_bytes, output_bytes",
        share: "that of its attempts",
        reserve: "`keep_free`: 256 MiB, or 1 % of a smaller disk",
        at_the_limit: "`limit-exceeded` or `quota` by the budget, `limit-exceeded` of `host_disk` or `insufficient-space` by the disk",
        tried_by: &[
            ("tests/system/tests/hostile/scarce.rs", "a_full_disk_refuses_guests_and_not_the_host"),
            ("host/sandbox/tests/sandbox/task_folder.rs", "what_is_counted_is_what_the_disk_gives_at_least"),
            ("tests/system/src/hostile/rows/floods.rs", "report_flood: artifacts"),
        ],
    },
    Scarce {
        name: "disk of the log",
        counted_in: "host/runner/src/record_allowance.rs",
        dimensions: "record_bytes",
        share: "that of its attempts",
        reserve: "`keep_free`: 256 MiB, or 1 % of a smaller disk",
        at_the_limit: "`limit-exceeded` by the budget, `limit-exceeded` of `host_disk` by the disk; progress is put off",
        tried_by: &[
            ("tests/system/src/hostile/rows/floods.rs", "report_flood: the log"),
            ("tests/system/src/hostile/rows/floods.rs", "report_flood: progress and the log"),
            ("tests/system/tests/hostile/scarce.rs", "a_full_disk_refuses_guests_and_not_the_host"),
        ],
    },
    Scarce {
        name: "database connections",
        counted_in: "host/runner/src/write_pace.rs",
        dimensions: "host_calls_per_second",
        share: "that of its instances: 4 MiB a second each after 64 MiB",
        reserve: "in SQLite one connection writes for all; PostgreSQL has 16 and one that listens",
        at_the_limit: "waits; a store that does not reply within 5 s is `unavailable`",
        tried_by: &[(
            "host/runner/src/write_pace.rs",
            "what_is_written_beyond_the_burst_is_waited_for_and_forgiven_with_time",
        )],
    },
    Scarce {
        name: "HTTP connections",
        counted_in: "host/sandbox/src/http/client.rs",
        dimensions: "http_requests, http_bytes",
        share: "three quarters of 512, 16 open responses in each instance",
        reserve: "none",
        at_the_limit: "waits as long as the request may take, then `limit-exceeded`; a response that is not read loses its connection",
        tried_by: &[
            ("host/sandbox/tests/sandbox/shares.rs", "a_session_with_all_its_connections_leaves_some"),
            ("host/sandbox/tests/sandbox/http_hostile.rs", "a_response_that_is_not_read_gives_its_connection_back"),
        ],
    },
    Scarce {
        name: "threads that look up names",
        counted_in: "host/sandbox/src/http/client.rs",
        dimensions: "http_requests",
        share: "three quarters of 32",
        reserve: "none",
        at_the_limit: "waits as long as the request may take, then `limit-exceeded`",
        tried_by: &[("host/sandbox/tests/sandbox/shares.rs", "a_session_with_all_its_lookups_leaves_some")],
    },
    Scarce {
        name: "timers and handles",
        counted_in: "host/sandbox/src/clocks.rs",
        dimensions: "handles",
        share: "that of its instances",
        reserve: "none",
        at_the_limit: "the attempt ends as `resource_exhausted`",
        tried_by: &[
            ("host/sandbox/tests/sandbox/wasi.rs", "timers_are_handles_and_bounded_like_them"),
            ("tests/system/src/hostile/rows/memory.rs", "timers"),
        ],
    },
    Scarce {
        name: "calls into the host",
        counted_in: "host/sandbox/src/meter.rs",
        dimensions: "host_calls, host_calls_per_second",
        share: "that of its instances",
        reserve: "none",
        at_the_limit: "waits by the rate; beyond the budget the attempt ends",
        tried_by: &[("tests/system/src/hostile/rows/of_the_sandbox.rs", "host_call_flood")],
    },
    Scarce {
        name: "messages in an inbox",
        counted_in: "host/registry/src/limit.rs",
        dimensions: "messages",
        share: "1,000 for each task",
        reserve: "none",
        at_the_limit: "refused as `inbox`",
        tried_by: &[("host/store/tests/conformance/messages.rs", "an_inbox_has_an_end")],
    },
    Scarce {
        name: "wakes",
        counted_in: "host/runner/src/wake_pace.rs",
        dimensions: "messages",
        share: "a pace of its own for each session",
        reserve: "none",
        at_the_limit: "waits; wakes that wait are given in one call",
        tried_by: &[
            ("tests/system/tests/told/pace.rs", "the_pace_of_one_session_is_not_that_of_another"),
            ("tests/system/tests/told/pace.rs", "calls_that_hang_are_given_up_and_hold_up_no_other_session"),
        ],
    },
    Scarce {
        name: "external callbacks",
        counted_in: "host/runner/src/external_task.rs",
        dimensions: "–",
        share: "one at a time for each task",
        reserve: "none",
        at_the_limit: "given up after its time and made again later",
        tried_by: &[(
            "tests/system/tests/agents/external.rs",
            "a_call_that_hangs_is_bounded_made_again_and_keeps_no_other_waiting",
        )],
    },
    Scarce {
        name: "child tasks",
        counted_in: "host/sandbox/src/spawner.rs",
        dimensions: "children",
        share: "the slots of the session",
        reserve: "none",
        at_the_limit: "`limit-exceeded`",
        tried_by: &[(
            "tests/system/tests/lifecycle/children.rs",
            "a_bomb_of_children_stops_at_its_limits_and_the_others_go_on",
        )],
    },
];
