//! The sandbox from the outside, with real guests. Every guest has a module of its own name with its tests in one of the
//! files here; a guest that has none does not compile.

mod compiling;
mod files;
mod hostile;
mod http;
mod http_hostile;
mod http_server;
mod large_files;
mod limits;
mod loading;
mod protected;
mod recorded;
mod shares;
mod spawner;
mod stored_code;
mod support;
mod task_folder;
mod wasi;
mod well_behaved;

mod tested {
    pub(crate) use crate::files::*;
    pub(crate) use crate::hostile::*;
    pub(crate) use crate::http::*;
    pub(crate) use crate::http_hostile::*;
    pub(crate) use crate::limits::*;
    pub(crate) use crate::loading::*;
    pub(crate) use crate::recorded::*;
    pub(crate) use crate::spawner::*;
    pub(crate) use crate::task_folder::*;
    pub(crate) use crate::wasi::*;
    pub(crate) use crate::well_behaved::*;
}

macro_rules! has_tests {
    ($guest:ident) => {
        const _: () = {
            #[expect(unused_imports, reason = "it only has to be there")]
            use crate::tested::$guest as _tests;
        };
    };
}
taskwright_test_guests::foreach_guest!(has_tests);
