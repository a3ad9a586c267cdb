//! What the code around an agent relies on: waiting for several tasks, looking for one, following a log, tools for a model.
//! Does not test how kinds run: most tasks here are moved on by the test itself, as a host of another process would.

mod events;
mod external;
mod find;
mod hidden;
mod live;
mod many_subscribers;
mod send;
mod stage;
mod tools;
mod tools_untrusted;
mod wait;
mod wait_races;
